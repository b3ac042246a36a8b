"""A config: read from the environment, converted to types, and checked."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta, Struct
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from tap_cc_clicks import dotenv
from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.api.text import is_text, is_token
from tap_cc_clicks.api.timestamps import FIRST, now, timestamp
from tap_cc_clicks.api.urls import is_safe

if TYPE_CHECKING:
    from jsonschema import ValidationError

logger = logging.getLogger(__name__)

URLS = ("api_url", "token_url")
CREDENTIALS = ("client_id", "client_secret", "refresh_token", "access_token")
# Types of settings that are JSON in text.
IN_JSON = frozenset({"integer", "number", "object"})
BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
KEYS = "__key_properties__"
# Settings of version 0.1.0 that are ignored, with a warning.
RETIRED = ("change_detection", "hot_days", "recheck_hours")
REPLACEMENT = "look_requests_per_day"
# How similar a variable's name must be to count as a misspelt setting.
NEAR = 0.85


def typed(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Convert settings to their types.

    The SDK reads numbers from files as decimals; the environment, and so Meltano, has
    text only. Invalid values stay as they are, for validation. Empty ones are not set.

    Args:
        config: The settings.
        schema: Their JSON schema.
    """
    known = schema["properties"]
    found = {
        name: _typed(value, known[name]["type"]) if name in known else value
        for name, value in config.items()
        if value not in (None, "")
    }
    if isinstance(maps := found.get("stream_maps"), dict):
        found["stream_maps"] = {name: _keyed(one) for name, one in maps.items()}
    return found


def drop_retired(config: dict[str, Any]) -> None:
    """Remove settings of version 0.1.0 from a config, with a warning."""
    retired = [name for name in RETIRED if config.pop(name, None) is not None]
    if retired:
        logger.warning(
            "Settings that no longer exist are ignored: %s. They are replaced by %s",
            ", ".join(retired),
            REPLACEMENT,
        )


def _keyed(stream_map: Any) -> Any:
    """Replace a null key by an empty list: targets refuse the SDK's null."""
    if isinstance(stream_map, dict) and stream_map.get(KEYS, KEYS) is None:
        return {**stream_map, KEYS: []}
    return stream_map


def _typed(value: Any, kinds: Collection[str]) -> Any:
    if "boolean" in kinds and isinstance(value, str):
        return BOOLEANS.get(value.lower(), value)
    if "array" in kinds:
        return _list(value)
    if isinstance(value, str) and not IN_JSON.isdisjoint(kinds):
        with suppress(ValueError, RecursionError):
            value = msgspec.json.decode(value)
    if isinstance(value, float | Decimal) and isfinite(value):
        return int(value) if value == int(value) else float(value)
    return value


def _list(value: Any) -> Any:
    """Return a list of strings, from JSON, commas or a single value."""
    items = value
    if isinstance(value, str):
        items = value.split(",")
        with suppress(ValueError, RecursionError):
            items = msgspec.json.decode(value, type=list)
    if not isinstance(items, list):
        items = [items]
    # Booleans are not ids.
    return [str(item).strip() if type(item) in {int, str} else item for item in items]


def from_environment(schema: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the settings in the environment, or else in the working folder's .env.

    The SDK would also look for .env in other folders, put all of it into the
    environment, and end in a traceback for an invalid number.

    Args:
        schema: The JSON schema of the settings.
        prefix: The prefix of the variables' names.
    """
    variables = {**dotenv.variables(prefix), **os.environ}
    texts = {
        name.removeprefix(prefix).lower(): text
        for name, text in variables.items()
        if name.startswith(prefix)
    }
    known = schema["properties"]
    for name in texts.keys() - known.keys() - {*RETIRED}:
        _warn_of_near_miss(name, known, prefix)
    read = texts.keys() & (known.keys() | {*RETIRED})
    return typed({name: texts[name] for name in read}, schema)


def _warn_of_near_miss(name: str, known: Collection[str], prefix: str) -> None:
    """Warn of a misspelt variable.

    Others belong to inherited extractors (TAP_CC_CLICKS_SHOP_START_DATE) and to
    Meltano (TAP_CC_CLICKS__LOAD_SCHEMA).
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=NEAR)
    if close and not name.endswith(tuple(f"_{one}" for one in known)):
        logger.warning(
            "The variable %s%s sets nothing: did you mean %s%s?",
            *(prefix, name.upper(), prefix, close[0].upper()),
        )


def check_log_level() -> None:
    """Check the log level in the environment.

    Raises:
        InputError: It does not exist.
    """
    levels = logging.getLevelNamesMapping()
    for name in ("TAP_CC_CLICKS_LOGLEVEL", "LOGLEVEL"):
        if not os.environ.get(name):
            # The SDK would take the empty text for a level.
            os.environ.pop(name, None)
        elif os.environ[name].upper() not in levels:
            message = f"The variable {name} must be one of {', '.join(levels)}"
            raise InputError(message)


class _Encoding(Struct, forbid_unknown_fields=True):
    format: Literal["jsonl"]
    compression: Literal["gzip"]


class _Storage(Struct, forbid_unknown_fields=True):
    root: Annotated[str, Meta(min_length=1)]
    prefix: str | None = None
    params: dict[str, Any] = {}


class _Batches(Struct, forbid_unknown_fields=True):
    """The batches that the SDK supports: always compressed."""

    encoding: _Encoding
    storage: _Storage
    batch_size: Annotated[int, Meta(ge=1)] | None = None


def problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each problem of a config, without values."""
    validator = DEFAULT_JSONSCHEMA_VALIDATOR(schema)
    found = [_sentence(error, schema) for error in validator.iter_errors(config)]
    return found or [
        *_credential_problems(config),
        *_text_problems(config),
        *_value_problems(config),
    ]


def _sentence(error: ValidationError, schema: Mapping[str, Any]) -> str:
    if error.validator == "additionalProperties" and not error.path:
        known = schema["properties"]
        unknown = sorted(set(cast("dict[str, Any]", error.instance)) - set(known))
        return "; ".join(_unknown(name, known) for name in unknown)
    name = ".".join(str(part) for part in error.path)
    rules = {
        "type": "be of type {}",
        "minimum": "be at least {}",
        "exclusiveMinimum": "be greater than {}",
        "maximum": "be at most {}",
        "enum": "be one of {}",
        "minLength": "not be empty",
        "format": "be a valid {}",
    }
    allowed = error.validator_value
    if isinstance(allowed, list):
        allowed = ", ".join(
            str(value) for value in allowed if value not in (None, "null")
        )
    rule = rules.get(str(error.validator), "be as --about describes it").format(allowed)
    return f"Setting {name} must {rule}"


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "see --about for all settings"
    return f"There is no setting {name}: {hint}"


def _credential_problems(config: Mapping[str, Any]) -> Iterator[str]:
    if not config.get("access_token") and not config.get("refresh_token"):
        yield (
            "Credentials are missing: set client_id and refresh_token (or, for a quick "
            "try, access_token)"
        )
    if config.get("refresh_token") and not config.get("client_id"):
        yield "Setting client_id is missing: a refresh_token needs it"


def _text_problems(config: Mapping[str, Any]) -> Iterator[str]:
    for name, value in config.items():
        if not all(map(is_text, value if isinstance(value, list) else [value])):
            yield f"Setting {name} must be text in UTF-8, without NUL characters"
    for name in CREDENTIALS:
        if config.get(name) and not is_token(config[name]):
            yield (
                f"Setting {name} must be one line of ASCII text, without spaces or "
                "line breaks around it"
            )


def _value_problems(config: Mapping[str, Any]) -> Iterator[str]:
    for name in URLS:
        url = str(config.get(name) or "")
        # Messages contain these URLs, so they must not contain secrets.
        if url and (not is_safe(url) or "?" in url or "#" in url):
            yield (
                f"Setting {name} must be an https URL (http is for loopback only), "
                "without user name, password or query in it: credentials have settings "
                "of their own"
            )
    try:
        future = timestamp(config.get("start_date", FIRST)) > now()
    except ValueError:
        yield "Setting start_date must be an ISO 8601 date, such as 2026-01-31"
    else:
        if future:
            yield "Setting start_date is in the future: no click would be loaded"
    try:
        msgspec.convert(config.get("batch_config"), _Batches | None)
    except msgspec.ValidationError:
        yield (
            "Setting batch_config must have encoding (format jsonl, compression gzip) "
            "and storage (root): the tap writes no other files"
        )

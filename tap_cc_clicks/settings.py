"""The settings, declared once: their JSON schema, their types and their defaults.

Also the sentences about wrong ones.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta, Struct
from singer_sdk import typing as th
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
# Kinds of settings that text holds as JSON.
IN_JSON = frozenset({"integer", "number", "object"})
BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
KEYS = "__key_properties__"
# Settings of version 0.1.0 that went: they are named in a warning, and ignored.
RETIRED = ("change_detection", "hot_days", "recheck_hours")
REPLACEMENT = "look_requests_per_day"
# The similarity from which a variable is taken for a misspelt setting.
NEAR = 0.85


def _setting(
    kind: Any,
    title: str,
    description: str,
    default: Any = None,
    *,
    secret: bool = False,
) -> Any:
    """Declare a setting.

    Args:
        kind: Its type, as the SDK declares it.
        title: Its name for people.
        description: What it does, in a sentence.
        default: What holds where it is not set.
        secret: Whether it must not be shown.
    """
    declared = {
        "kind": kind,
        "title": title,
        "description": description,
        "secret": secret,
    }
    return field(default=default, metadata=declared)


@dataclass(frozen=True)
class Settings:
    """What a person set, with defaults filled in.

    Attributes:
        start_date: A moment in UTC as the API writes it, or None.
    """

    client_id: str | None = _setting(
        th.StringType,
        "Client ID",
        "The API key of your Constant Contact application.",
    )
    client_secret: str | None = _setting(
        th.StringType,
        "Client secret",
        "The application's secret. Leave it out for a public client.",
        secret=True,
    )
    refresh_token: str | None = _setting(
        th.StringType,
        "Refresh token",
        "Renews the access token; asked for with scope offline_access.",
        secret=True,
    )
    access_token: str | None = _setting(
        th.StringType,
        "Access token",
        "Enough for a quick try: works until it expires, 24 hours.",
        secret=True,
    )
    token_store: str | None = _setting(
        th.StringType(min_length=1),
        "Token store",
        "File that keeps refresh tokens that rotate; must stay between runs. Without "
        "it, a file in the user's state folder. Long-lived refresh tokens need none.",
    )
    start_date: str | None = _setting(
        th.DateTimeType,
        "Start date",
        "Clicks before this moment are left out. Campaigns and activities are always "
        "complete, so that every click finds its campaign.",
    )
    lookback: float = _setting(
        th.NumberType(minimum=0),
        "Lookback",
        "Hours before an activity's bookmark that are read again, for clicks that "
        "reach the report late.",
        24,
    )
    campaign_ids: frozenset[str] = _setting(
        th.ArrayType(th.StringType(min_length=1)),
        "Campaign IDs",
        "Only these campaigns.",
    )
    url_ids: tuple[str, ...] = _setting(
        th.ArrayType(th.StringType(min_length=1)),
        "URL IDs",
        "Only clicks on these links. They keep bookmarks of their own.",
    )
    accepted_failures: frozenset[str] = _setting(
        th.ArrayType(th.StringType(min_length=1)),
        "Accepted failures",
        "IDs of campaigns or activities that cannot be read and are no error any more: "
        "a run warns of them and ends with 0. They still load once they can be read.",
    )
    page_size: int = _setting(
        th.IntegerType(minimum=1, maximum=500),
        "Page size",
        "Rows per page (the API's limit parameter).",
        500,
    )
    look_requests_per_day: int = _setting(
        th.IntegerType(minimum=0),
        "Look requests per day",
        "Requests that may be spent in a day on looking for change, where nothing "
        "announced it; 0 for no limit. Reading what was found is not counted.",
        500,
    )
    concurrency: int = _setting(
        th.IntegerType(minimum=1, maximum=64),
        "Concurrency",
        "Requests under way at once.",
        8,
    )
    requests_per_second: float = _setting(
        th.NumberType(exclusive_minimum=0),
        "Requests per second",
        "The API allows 4 a second for each API key.",
        4,
    )
    max_requests: int | None = _setting(
        th.IntegerType(minimum=1),
        "Maximum requests",
        "End the run cleanly after this many requests; the next run goes on "
        "where it stopped. The API allows 10,000 a day.",
    )
    key_requests_per_day: int = _setting(
        th.IntegerType(minimum=1),
        "Requests a day of the key",
        "What the API key allows in a day, for messages and cc-clicks plan only: "
        "max_requests is what limits a run. Partner keys may have 250,000.",
        10_000,
    )
    api_url: str = _setting(
        th.URIType,
        "API URL",
        "Base URL of the Constant Contact V3 API.",
        "https://api.cc.email/v3",
    )
    token_url: str = _setting(
        th.URIType,
        "Token URL",
        "OAuth 2 token endpoint.",
        "https://authz.constantcontact.com/oauth2/default/v1/token",
    )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Take the settings from a config that was found valid."""
        values = {
            one.name: config[one.name] for one in fields(cls) if one.name in config
        }
        for name in ("campaign_ids", "accepted_failures"):
            values[name] = frozenset(values.get(name, ()))
        values["url_ids"] = tuple(dict.fromkeys(values.get("url_ids", ())))
        if "start_date" in values:
            values["start_date"] = timestamp(values["start_date"])
        return cls(**values)


def jsonschema() -> dict[str, Any]:
    """Return the JSON schema of the settings."""
    properties = [
        th.Property(
            one.name,
            one.metadata["kind"],
            title=one.metadata["title"],
            description=one.metadata["description"],
            secret=one.metadata["secret"],
            default=cast("Any", one.default),
        )
        for one in fields(Settings)
    ]
    return th.PropertiesList(*properties, additional_properties=False).to_dict()


def typed(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as their types want them, whatever they came from.

    The SDK reads numbers from files as decimals; the environment, and Meltano with it,
    knows text only. What cannot be understood stays as it is, to be refused. What is
    empty is not set.

    Args:
        config: The settings as they were found.
        schema: The JSON schema of the settings.
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
    """Take the settings that went out of a config; name them in a warning."""
    retired = [name for name in RETIRED if config.pop(name, None) is not None]
    if retired:
        logger.warning(
            "Settings that are no more, and are ignored: %s. What is looked at for "
            "change follows from %s",
            ", ".join(retired),
            REPLACEMENT,
        )


def _keyed(stream_map: Any) -> Any:
    """Write no key as an empty one: the SDK's null makes a SCHEMA that is refused."""
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
    """Return a list of texts: written as JSON, with commas, or as a single value."""
    items = value
    if isinstance(value, str):
        items = value.split(",")
        with suppress(ValueError, RecursionError):
            items = msgspec.json.decode(value, type=list)
    if not isinstance(items, list):
        items = [items]
    # Not what is true or false: that is no id.
    return [str(item).strip() if type(item) in {int, str} else item for item in items]


def from_environment(schema: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the settings in the environment, or else in the folder's .env file.

    The SDK's own reading looks for .env in other folders too and puts all of it into
    the environment, and ends in a traceback where a number is none.

    Args:
        schema: The JSON schema of the settings.
        prefix: What the variables' names begin with.
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
    """See that the SDK can set the log level that the environment names.

    Raises:
        InputError: There is no such level.
    """
    levels = logging.getLevelNamesMapping()
    for name in ("TAP_CC_CLICKS_LOGLEVEL", "LOGLEVEL"):
        if not os.environ.get(name):
            # The SDK looks for a level of that name, too.
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
    """What the SDK can do: it compresses, whatever it is told."""

    encoding: _Encoding
    storage: _Storage
    batch_size: Annotated[int, Meta(ge=1)] | None = None


def problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each thing that is wrong with a config.

    No sentence repeats a value: it may be a secret.
    """
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
    hint = f"did you mean {close[0]}?" if close else "see --about for those there are"
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
        # What is said of an endpoint names its URL, so no secret may be part of it.
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
            yield "Setting start_date lies in the future: no click would be loaded"
    try:
        msgspec.convert(config.get("batch_config"), _Batches | None)
    except msgspec.ValidationError:
        yield (
            "Setting batch_config must have encoding (format jsonl, compression gzip) "
            "and storage (root): the tap writes no other files"
        )

"""Settings as the code uses them, and the sentences about wrong ones."""

from __future__ import annotations

import difflib
import os
import re
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

import msgspec
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from tap_cc_clicks import dotenv
from tap_cc_clicks.api.urls import is_safe
from tap_cc_clicks.parsing import moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from jsonschema import ValidationError

URLS = ("api_url", "token_url")
CREDENTIALS = ("client_id", "client_secret", "refresh_token", "access_token")
# What RFC 6749 allows, but for spaces around it. More would not fit into a header, and
# the error about that would show it.
VISIBLE = re.compile("[!-~]([ -~]*[!-~])?")
# Kinds of settings that an environment variable holds as JSON.
IN_JSON = frozenset({"integer", "number", "object", "array"})
TRUE = frozenset({"true", "1", "yes", "on"})


@dataclass(frozen=True)
class Settings:
    """What a person set, with defaults filled in.

    Attributes:
        lookback: Hours.
        start_date: A moment in UTC as the API writes it, or None.
    """

    page_size: int
    lookback: float
    change_detection: str
    hot_days: float
    recheck_hours: float
    concurrency: int
    requests_per_second: float
    max_requests: int | None
    start_date: str | None
    campaign_ids: frozenset[str]
    url_ids: tuple[str, ...]

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], schema: Mapping[str, Any]
    ) -> Settings:
        """Take the settings from a config that was found valid.

        Args:
            config: The tap's config.
            schema: The JSON schema of the settings, for their defaults.
        """
        names = [field.name for field in fields(cls)]
        defaults = {name: schema["properties"][name].get("default") for name in names}
        given = {name: config[name] for name in names if config.get(name) is not None}
        values = {**defaults, **given}
        values["campaign_ids"] = frozenset(values["campaign_ids"] or ())
        values["url_ids"] = tuple(dict.fromkeys(values["url_ids"] or ()))
        values["start_date"] = values["start_date"] and moment(values["start_date"])
        return cls(**values)


def from_environment(schema: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the settings in the environment, or else in the folder's .env file.

    An empty variable sets nothing.

    The SDK's own reading looks for .env in other folders too and puts all of it into
    the environment, and ends in a traceback where a number is none. Here what cannot be
    read stays text, to be refused like any other wrong setting.

    Args:
        schema: The JSON schema of the settings.
        prefix: What the variables' names begin with.
    """
    variables = {**dotenv.variables(prefix), **os.environ}
    texts = {
        name: variables.get(f"{prefix}{name.upper()}") for name in schema["properties"]
    }
    return {
        name: _value(text, schema["properties"][name]["type"])
        for name, text in texts.items()
        if text
    }


def _value(text: str, kinds: Collection[str]) -> Any:
    """Return what a variable holds, by the types that its setting may have."""
    if "boolean" in kinds:
        return text.lower() in TRUE
    value: Any = text
    if not IN_JSON.isdisjoint(kinds):
        with suppress(msgspec.DecodeError):
            value = msgspec.json.decode(text)
    if "array" in kinds and not isinstance(value, list):
        return text.split(",")
    return value


def problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each thing that is wrong with a config.

    No sentence repeats a value: it may be a secret.
    """
    validator = DEFAULT_JSONSCHEMA_VALIDATOR(schema)
    found = [_sentence(error, schema) for error in validator.iter_errors(config)]
    return found or [*_credential_problems(config), *_value_problems(config)]


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
            str(value) for value in allowed if value not in {None, "null"}
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
    for name in CREDENTIALS:
        if config.get(name) and not is_token(config[name]):
            yield (
                f"Setting {name} must be one line of ASCII text, without spaces or "
                "line breaks around it"
            )
    try:
        moment(config.get("start_date") or "1970-01-01T00:00:00.000Z")
    except ValueError:
        yield "Setting start_date must be an ISO 8601 date, such as 2026-01-31"


def is_token(value: object) -> bool:
    """Tell whether a value can be a credential."""
    return isinstance(value, str) and bool(VISIBLE.fullmatch(value))

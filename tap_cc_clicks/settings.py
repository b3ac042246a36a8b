"""Settings as the code uses them, and the sentences about wrong ones."""

from __future__ import annotations

import difflib
import ipaddress
import os
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import msgspec
from dotenv import find_dotenv, load_dotenv
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from tap_cc_clicks.parsing import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema import ValidationError

URLS = ("api_url", "token_url")
# Kinds of settings that an environment variable holds as JSON.
IN_JSON = frozenset({"integer", "number", "object"})


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

    The SDK's own reading of numbers and objects ends in a traceback where there is
    none, and leaves fractions as text. Here what cannot be read stays text, to be
    refused like any other wrong setting.

    Args:
        schema: The JSON schema of the settings.
        prefix: What the variables' names begin with.
    """
    types = {name: rule["type"] for name, rule in schema["properties"].items()}
    in_json = {name for name, kinds in types.items() if IN_JSON.intersection(kinds)}
    as_text = {name: {"type": ["string"]} for name in in_json}
    told = {"properties": {**schema["properties"], **as_text}}
    # The SDK would look for .env beside its own files, and let it win.
    load_dotenv(find_dotenv(usecwd=True))
    found = parse_environment_config(told, prefix, os.devnull)
    for name in in_json & found.keys():
        with suppress(msgspec.DecodeError):
            found[name] = msgspec.json.decode(found[name])
    return {name: value for name, value in found.items() if value not in ("", [""])}


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
        if config.get(name) and not _is_safe(str(config[name])):
            yield f"Setting {name} must be an https URL (http is for loopback only)"
    try:
        moment(config.get("start_date") or "1970-01-01T00:00:00.000Z")
    except ValueError:
        yield "Setting start_date must be an ISO 8601 date, such as 2026-01-31"


def _is_safe(url: str) -> bool:
    """Tell whether a token may be sent there."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

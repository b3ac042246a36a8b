"""Files handed in on the command line: config, state and catalog."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

import click
import msgspec
from typing_extensions import override

from tap_cc_clicks.api.errors import InputError


@dataclass
class ConfigInput:
    """What ``--config`` names, in the form in which the SDK wants it.

    Attributes:
        config: The settings of all files together; later ones win.
        parse_env: Whether the environment is read, too.
    """

    config: dict[str, Any] = field(default_factory=dict)
    parse_env: bool = False


def read_configs(
    _context: click.Context, _option: click.Parameter, paths: Sequence[str]
) -> ConfigInput:
    """Read config files, each once: it may be a pipe.

    Raises:
        InputError: One cannot be read, or holds something else.
    """
    found = ConfigInput(parse_env="ENV" in paths)
    for path in paths:
        if path != "ENV":
            found.config.update(read_json_file("config", path))
    return found


class JSONFile(click.File):
    """An option that names a file with a JSON object."""

    @override
    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> TextIO:
        """Return the file's text, found to hold a JSON object."""
        kind = str(param.name if param else "")
        return io.StringIO(json.dumps(read_json_file(kind, value, stdin=True)))


def read_json_file(kind: str, path: str, *, stdin: bool = False) -> dict[str, Any]:
    """Return the JSON object in a file.

    Args:
        kind: What the file is: config, state or catalog.
        path: Where it is.
        stdin: Whether ``-`` means stdin.

    Raises:
        InputError: It cannot be read, or holds something else.
    """
    opener = click.open_file if stdin else open
    try:
        with opener(path, encoding="utf-8") as file:
            return _object(kind, file.read())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        message = f"The {kind} file {path} cannot be read: {reason}"
        raise InputError(message) from None


def _object(kind: str, text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except RecursionError:
        message = f"The {kind} file is not JSON of this tap: it is nested too deep"
        raise InputError(message) from None
    except ValueError as error:
        # The parser's own message shows none of the text.
        message = f"The {kind} file is not JSON: {error}"
        raise InputError(message) from None
    if not isinstance(value, dict):
        message = f"The {kind} file does not hold a JSON object"
        raise InputError(message)
    return value


def check_catalog(catalog: Any, streams: Collection[str]) -> None:
    """See that a catalog is one of this tap's.

    Args:
        catalog: The catalog as JSON, or None.
        streams: The names of this tap's streams.

    Raises:
        InputError: It is not; says why.
    """
    if not isinstance(catalog, dict):
        return
    entries = catalog.get("streams")
    known = isinstance(entries, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("tap_stream_id"), str)
        and isinstance(entry.get("schema"), dict)
        for entry in entries
    )
    if not known or not isinstance(entries, list):
        message = (
            "The catalog is not a list of streams, each with tap_stream_id and schema: "
            "start from what --discover prints"
        )
        raise InputError(message)
    foreign = sorted({entry["tap_stream_id"] for entry in entries} - set(streams))
    if foreign:
        message = (
            f"The catalog holds unknown streams: {', '.join(foreign)}. This tap has "
            f"{', '.join(sorted(streams))}"
        )
        raise InputError(message)

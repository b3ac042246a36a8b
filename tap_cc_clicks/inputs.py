"""Input files: config, state and catalog."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

import click
import msgspec
from typing_extensions import override

from tap_cc_clicks.api.errors import InputError

logger = logging.getLogger("tap-cc-clicks")
# Ten times the state of the largest account expected.
LARGEST = 256 * 1024 * 1024
NO_TEXT = "it is not text in UTF-8: save it as UTF-8"


@dataclass
class ConfigInput:
    """The values of ``--config``, in the form that the SDK expects.

    Attributes:
        config: The settings of all files; later files win.
        parse_env: Whether the environment is read, too.
    """

    config: dict[str, Any] = field(default_factory=dict)
    parse_env: bool = False

    @classmethod
    def of(cls, paths: Sequence[str]) -> ConfigInput:
        """Read config files, each once: one may be a pipe.

        Args:
            paths: The files; ENV, or no path, for the environment.

        Raises:
            InputError: A file cannot be read, or is not a JSON object.
        """
        found = cls(parse_env="ENV" in paths or not paths)
        if not paths:
            logger.info("No --config: settings are read from the environment and .env")
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
        """Return the file's text, checked to be a JSON object."""
        kind = str(param.name if param else "")
        return io.StringIO(json.dumps(read_json_file(kind, value)))


def text_of(content: bytes) -> str:
    """Decode UTF-8, whatever the locale, with or without a byte order mark.

    Raises:
        OSError: It is not UTF-8, or too large.
    """
    if len(content) > LARGEST:
        raise OSError(0, f"it is larger than {LARGEST:,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise OSError(0, NO_TEXT) from None
    # UTF-16 without a byte order mark, for example.
    if "\0" in text:
        raise OSError(0, NO_TEXT)
    return text


def read_text(kind: str, path: str) -> str:
    """Return the text of a file, or of stdin (``-``).

    Args:
        kind: The kind of file: config, state or catalog.
        path: Its path.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with click.open_file(path, "rb") as file:
            return text_of(file.read(LARGEST + 1))
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "there can be no such file"
        message = f"The {kind} file {path} cannot be read: {reason}"
        raise InputError(message) from None


def read_json_file(kind: str, path: str) -> dict[str, Any]:
    """Return the JSON object in a file, or in stdin (``-``).

    Raises:
        InputError: It cannot be read, or is not a JSON object.
    """
    return json_object(kind, read_text(kind, path))


def json_object(kind: str, text: str) -> dict[str, Any]:
    """Decode a JSON object.

    Raises:
        InputError: It is something else.
    """
    try:
        value = msgspec.json.decode(text)
    except RecursionError:
        message = f"The {kind} file is not JSON of this tap: it is nested too deep"
        raise InputError(message) from None
    except ValueError as error:
        # The parser's message does not repeat the text.
        message = f"The {kind} file is not JSON: {error}"
        raise InputError(message) from None
    if not isinstance(value, dict):
        message = f"The {kind} file does not hold a JSON object"
        raise InputError(message)
    return value

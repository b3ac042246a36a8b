"""Write settings to a .env file."""

from __future__ import annotations

import io
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from tap_cc_clicks.api import files
from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.inputs import text_of

PREFIX = "TAP_CC_CLICKS_"
PLAIN = re.compile(r"[\w.:/@%+,=~-]+", re.ASCII)


def env_lines(settings: Mapping[str, object]) -> list[str]:
    """Return settings as lines for a .env file or a shell."""
    return [
        f"{PREFIX}{name.upper()}={shlex.quote(str(value))}"
        for name, value in settings.items()
    ]


def write_env(path: Path, settings: Mapping[str, object]) -> None:
    """Write settings to a .env file with mode 0600 and keep its other lines.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        target = _target(path)
        lines = files.read(target, files.WRITABLE_BY_OTHERS) if target.exists() else b""
        named = {f"{PREFIX}{name.upper()}": value for name, value in settings.items()}
        files.replace(target, _changed(text_of(lines), named).encode())
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise InputError(message) from None


def check_writable(path: Path) -> None:
    """Check in advance that a .env file can be written.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        target = _target(path)
        if target.exists():
            files.read(target, files.WRITABLE_BY_OTHERS)
        reason = (
            None if os.access(target.parent, os.W_OK) else "its folder is read-only"
        )
    except OSError as error:
        reason = error.strerror
    if reason:
        message = f"{path} cannot be written ({reason}): choose another file"
        raise InputError(message)


def _target(path: Path) -> Path:
    """Return the file itself, or the target of the user's own symbolic link.

    Raises:
        OSError: The link is another user's, or others may write to the folder.
    """
    target = files.resolve_link(path)
    files.check_folder(target.parent)
    return target


def _changed(text: str, settings: Mapping[str, object]) -> str:
    """Return the text of a .env file with settings replaced or added."""
    lines = {name: f"{name}={_quoted(value)}\n" for name, value in settings.items()}
    bindings = list(parse_stream(io.StringIO(text)))
    kept = [lines.get(line.key or "", line.original.string) for line in bindings]
    if kept and not kept[-1].endswith("\n"):
        kept.append("\n")
    known = {line.key for line in bindings}
    return "".join([*kept, *(lines[name] for name in lines if name not in known)])


def _quoted(value: object) -> str:
    """Quote a value only if necessary, since Docker's ``--env-file`` keeps quotes."""
    if PLAIN.fullmatch(str(value)):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

"""The lines of a .env file, and writing them."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from dotenv import set_key

from tap_cc_clicks.inputs import InputError
from tap_cc_clicks.tokens import OWNER_ONLY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFIX = "TAP_CC_CLICKS_"


def env_lines(settings: Mapping[str, object]) -> list[str]:
    """Return settings as lines that a .env file and a shell understand."""
    return [
        f"{PREFIX}{name.upper()}={shlex.quote(str(value))}"
        for name, value in settings.items()
    ]


def write_env(path: Path, settings: Mapping[str, object]) -> None:
    """Set settings in a .env file that only its owner may read; others stay.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        path.touch(OWNER_ONLY)
        path.chmod(OWNER_ONLY)
        for name, value in settings.items():
            key = f"{PREFIX}{name.upper()}"
            set_key(path, key, str(value), follow_symlinks=True)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        message = f"{path} cannot be written: {reason}"
        raise InputError(message) from None


def check_writable(path: Path) -> None:
    """See that a .env file can be written, while nothing is lost if not.

    Raises:
        InputError: It cannot.
    """
    folder = path.resolve().parent
    target = path if path.exists() else folder
    if not os.access(folder, os.W_OK) or not os.access(target, os.W_OK):
        message = f"{path} cannot be written: choose another file by --write-env"
        raise InputError(message)

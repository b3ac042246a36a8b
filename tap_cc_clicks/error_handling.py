"""Errors of a command: sentences and an exit code instead of a traceback."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from singer_sdk.exceptions import ConfigValidationError, SingerSDKError

logger = logging.getLogger("tap-cc-clicks")


@contextmanager
def exit_on_error(tell: Callable[[str, str], object]) -> Generator[None]:
    """Turn any exception into sentences and exit code 1.

    Args:
        tell: Shows a sentence; has the signature of a logger's method.
    """
    try:
        if sys.stdout is None:
            _refuse_closed_stdout()
        try:
            yield
        except SystemExit:
            # Here, not at exit: the disk may be full. Not after an error of the
            # output itself, which would be raised again in other words.
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - nothing is to end in a traceback
        for sentence in error_messages(error):
            tell("%s", sentence)
        if isinstance(error, OSError):
            _let_go_of_stdout()
        sys.exit(1)


def error_messages(error: Exception) -> list[str]:
    """Return the messages of an error, without values.

    The message of an unexpected error may contain values, so only its type and place
    are shown, and with log level DEBUG the lines of code.
    """
    if isinstance(error, ConfigValidationError):
        return error.errors
    if isinstance(error, SingerSDKError):
        return [str(error)]
    if isinstance(error, OSError):
        name = f" {error.filename}" if isinstance(error.filename, str) else ""
        reason = error.strerror or type(error).__name__
        return [f"A file{name} cannot be read or written: {reason}"]
    if isinstance(error, ImportError):
        # The SDK's batch storage names the package.
        return [f"A package is missing beside the tap: {error}"]
    for line in traceback.format_tb(error.__traceback__):
        logger.debug("%s", line)
    place = traceback.extract_tb(error.__traceback__)[-1]
    file = Path(place.filename).name
    sentence = (
        f"Something went wrong that the tap cannot explain ({type(error).__name__} at "
        f"{file}:{place.lineno}). If settings, catalog and state are right, report it "
        "with what the log level DEBUG (TAP_CC_CLICKS_LOGLEVEL) adds"
    )
    return [sentence]


def _refuse_closed_stdout() -> NoReturn:
    message = "The output is closed (stdout): nothing can be written"
    raise SingerSDKError(message)


def _let_go_of_stdout() -> None:
    """Discard what is left in the buffer: at exit it would fail again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

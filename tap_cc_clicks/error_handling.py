"""How a command ends when something goes wrong: in sentences, never in a traceback."""

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
    """End the process with exit code 1 and sentences, whatever goes wrong in it.

    Args:
        tell: Shows a sentence; called as a logger's method is.
    """
    try:
        if sys.stdout is None:
            _refuse_closed_stdout()
        try:
            yield
        finally:
            # Here, not at exit: a disk may be full.
            sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - nothing is to end in a traceback
        for sentence in error_messages(error):
            tell("%s", sentence)
        if isinstance(error, OSError):
            _let_go_of_stdout()
        sys.exit(1)


def error_messages(error: Exception) -> list[str]:
    """Return what a person is told of an error: no value of anything.

    What nobody foresaw may repeat any of them, so only its kind and place are told; the
    lines of code that lead there, with log level DEBUG.
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
        # As the SDK's storage of batches says which one.
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
    """Send what is left in the buffer nowhere: at exit it would fail once more."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

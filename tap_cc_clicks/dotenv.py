"""The working folder's .env file."""

from __future__ import annotations

import io
import logging
from pathlib import Path

from dotenv import dotenv_values

from tap_cc_clicks.api import files
from tap_cc_clicks.inputs import text_of

logger = logging.getLogger(__name__)


def variables(prefix: str) -> dict[str, str]:
    """Return the tap's variables in the working folder's .env file.

    Other folders are not read, and nothing is put into the environment: someone who may
    write to a parent folder could redirect tokens. ``$`` has no special meaning.

    Args:
        prefix: The prefix of the variables' names.
    """
    try:
        path = files.resolve_link(Path(".env"))
        text = text_of(files.read(path, files.WRITABLE_BY_OTHERS))
    except FileNotFoundError:
        return {}
    except OSError as error:
        logger.warning("The file .env is ignored: %s", error.strerror)
        return {}
    found = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {
        name: value
        for name, value in found.items()
        if name.startswith(prefix) and value is not None
    }

"""The working folder's .env file, if it is the user's own."""

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

    No other folder is looked into, and nothing is put into the environment: anyone who
    may write to a folder above could say where the tokens go, or through which proxy.
    ``$`` stands for itself.

    Args:
        prefix: What the variables' names begin with.
    """
    try:
        path = files.resolve_link(Path(".env"))
        text = text_of(files.read(path, files.WRITABLE_BY_OTHERS))
    except FileNotFoundError:
        return {}
    except OSError as error:
        logger.warning("The file .env is left out: %s", error.strerror)
        return {}
    found = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {
        name: value
        for name, value in found.items()
        if name.startswith(prefix) and value is not None
    }

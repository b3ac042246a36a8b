"""Read the state that Meltano stores."""

from __future__ import annotations

import os
import shutil
import subprocess

from tap_cc_clicks.api.errors import InputError

# Accepted instead of a file name.
MELTANO = "meltano"
EXTRACTOR = "MELTANO_EXTRACTOR_NAME"


def usual_file() -> str:
    """Return the default source of a state: Meltano, or else stdin."""
    return MELTANO if EXTRACTOR in os.environ else "-"


def read_meltano() -> str:
    """Return the state of the extractor in Meltano's environment; empty if none.

    Raises:
        InputError: There are several, or Meltano fails.
    """
    environment = os.environ.get("MELTANO_ENVIRONMENT", "*")
    pattern = f"{environment}:{os.environ.get(EXTRACTOR, 'tap-cc-clicks')}-to-*"
    found = _meltano("list", "--pattern", pattern).split()
    if len(found) > 1:
        message = (
            f"Meltano has several states: {', '.join(found)}. Hand over one of them: "
            f"meltano state get {found[0]} > state.json"
        )
        raise InputError(message)
    return _meltano("get", found[0]) if found else "{}"


def _meltano(*arguments: str) -> str:
    program = shutil.which("meltano")
    if not program:
        message = "Meltano is not on PATH: hand over a file of meltano state get"
        raise InputError(message)
    # Runs without a shell.
    done = subprocess.run(  # noqa: S603
        [program, "state", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        message = (
            f"meltano state {arguments[0]} failed ({done.returncode}): run it directly"
        )
        raise InputError(message)
    return done.stdout

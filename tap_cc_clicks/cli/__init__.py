"""The companion command ``cc-clicks``: signing in, checking, planning, state.

Needs the extra ``[cli]``. Exit codes: 0 for success, 1 for a problem that was reported,
2 for a wrong command line.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import cast

from tap_cc_clicks.error_handling import exit_on_error


def main() -> None:
    """Run ``cc-clicks``."""
    try:
        from tap_cc_clicks.cli.commands import cc_clicks  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        sys.exit("cc-clicks needs more packages: pip install 'tap-cc-clicks[cli]'")
    with exit_on_error(
        lambda form, sentence: sys.stderr.write(f"Error: {form % sentence}\n")
    ):
        # Characters that the locale cannot write are replaced.
        cast("TextIOWrapper", sys.stdout).reconfigure(errors="backslashreplace")
        cc_clicks()

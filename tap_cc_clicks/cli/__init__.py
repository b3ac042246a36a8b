"""The companion command ``cc-clicks``.

Requires the ``[cli]`` extra. Exit codes: 0 for success, 1 for a reported problem, 2 for
an invalid command line.
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
        # Escape characters that the locale cannot encode.
        cast("TextIOWrapper", sys.stdout).reconfigure(errors="backslashreplace")
        cc_clicks()

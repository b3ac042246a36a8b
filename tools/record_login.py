"""Record ``cc-clicks login`` against the simulator, for the picture in the README.

Run by ``make picture``. The code, the URL and the token are fixed, so that the file is
reproducible. A test fails if the command's output differs from the file.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.markup import escape

from tap_cc_clicks.cli.commands import cc_clicks
from tap_cc_clicks.sandbox import Account, Sandbox

PICTURE = Path(__file__).parents[1] / "docs" / "login.svg"
WIDTH = 88
COMMAND = "cc-clicks login --client-id sandbox-client"
PAGE = "https://sandbox.example.com/activate"


def picture() -> str:
    """Sign in to the simulator and return the picture as SVG."""
    screen = terminal()
    screen.print(f"[bold]$[/] {COMMAND}")
    with Sandbox(Account()) as sandbox, tempfile.TemporaryDirectory() as folder:
        sandbox.tokens.sign_ins.page = PAGE
        sandbox.tokens.sign_ins.interval = 0.01
        stdout = sign_in(sandbox, Path(folder), screen)
    screen.print(f"{escape(stdout)}[bold]$[/]")
    written = screen.export_svg(title="cc-clicks", unique_id="login")
    # Remove the font faces, which viewers would fetch from another server.
    return re.sub(r"@font-face {.*?}\s*", "", written, flags=re.DOTALL)


def terminal() -> Console:
    """Return a recording terminal that is independent of the machine."""
    return Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        _environ={},
    )


def sign_in(sandbox: Sandbox, folder: Path, screen: Console) -> str:
    """Run the command and return its stdout."""
    config = {
        "token_url": sandbox.token_url,
        "token_store": str(folder / "tokens.json"),
    }
    settings = folder / "config.json"
    settings.write_text(json.dumps(config), "utf-8")
    arguments = [*COMMAND.split()[1:], f"--config={settings}"]
    with (
        mock.patch("tap_cc_clicks.cli.login.console", return_value=screen),
        redirect_stdout(io.StringIO()) as stdout,
    ):
        cc_clicks.main(arguments, standalone_mode=False)
    return stdout.getvalue()


if __name__ == "__main__":
    PICTURE.write_text(picture(), "utf-8")

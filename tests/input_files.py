"""Runs of the tap's command with files that a test writes."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
import socket
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from tap_cc_clicks.sandbox import Sandbox, generate
from tap_cc_clicks.tap import main
from tests.child import never_wait
from tests.support import Output, captured, select

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

PREFIX = "TAP_CC_CLICKS_"
CATALOG = select("email_clicks", "campaigns")
FAST = {"requests_per_second": 1000, "concurrency": 2}


def run(arguments: list[str], environment: dict[str, str]) -> tuple[int, str, Output]:
    """Run the tap's command in this process; return exit code, log and output."""
    said = io.StringIO()
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(PREFIX)
    }
    with (
        # Each run adds a handler.
        mock.patch.object(logging.root, "handlers", []),
        mock.patch.dict(os.environ, {**kept, **environment}, clear=True),
        mock.patch("sys.argv", ["tap-cc-clicks", *arguments]),
        captured() as output,
        contextlib.redirect_stderr(said),
        pytest.raises(SystemExit) as end,
    ):
        main()
    code = end.value.code
    return code if isinstance(code, int) else int(bool(code)), said.getvalue(), output


def _near(look_up: Any, host: str, *rest: Any) -> Any:
    if host != "127.0.0.1":
        raise socket.gaierror
    return look_up(host, *rest)


@contextlib.contextmanager
def small_account() -> Generator[Sandbox]:
    """Return a small account."""
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with pytest.MonkeyPatch.context() as patch:
        never_wait(patch.setattr)
        # Without api_url, the tap would connect to the real service.
        patch.setattr(socket, "getaddrinfo", partial(_near, socket.getaddrinfo))
        with Sandbox(generate(campaigns=2, clicks=6)) as running:
            yield running
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGTERM, before[1])


def written(folder: Path, files: dict[str, bytes | None]) -> list[str]:
    """Write files, and return the options that name them."""
    arguments = []
    for name, content in files.items():
        if content is not None:
            (folder / name).write_bytes(content)
            arguments.append(f"--{name}={folder / name}")
    return arguments


def handed_in(folder: Path, account: Sandbox, **files: bytes) -> tuple[int, str]:
    """Return exit code and log of a run with these files."""
    config = json.dumps({**account.config, **FAST}).encode()
    arguments = written(folder, {"config": config, **files})
    code, said, _ = run(arguments, {})
    return code, said

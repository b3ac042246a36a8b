"""Fixtures for all tests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import backoff
import pytest

from tap_cc_clicks.api import client
from tap_cc_clicks.sandbox import Sandbox, generate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Simulator and tap share this process: they should not wait long for each other.
sys.setswitchinterval(0.0005)


@pytest.fixture(autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the user's own state folder out of this."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder / "tap-cc-clicks"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return a made-up account behind a server of its own."""
    with Sandbox(generate(campaigns=20, clicks=400)) as running:
        yield running


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries follow at once."""
    monkeypatch.setattr(client, "waits", lambda: backoff.constant(interval=0))

"""Fixtures for all tests."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from demo.stack import Meltano
from tap_cc_clicks.sandbox import Sandbox, generate
from tests.child import never_wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Simulator and tap run in this process, in threads that switch often.
sys.setswitchinterval(0.0005)


# Durations mean nothing when tests run in parallel.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Install the Meltano plugins of the tests, once for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    done = folder / "plugins.done"
    with FileLock(folder / "plugins.lock"):
        if not done.exists():
            install = Meltano(folder / "plugins", {})
            install("install", "tap-cc-clicks", "target-postgres", "dbt-postgres")
            done.touch()


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """Restore the log level: a command sets it for the whole process."""
    level = logging.root.level
    yield
    logging.root.setLevel(level)


@pytest.fixture(autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Use a temporary state folder instead of the user's."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder / "tap-cc-clicks"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return a running simulator with a generated account."""
    with Sandbox(generate(campaigns=20, clicks=400)) as running:
        yield running


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without waiting."""
    never_wait(monkeypatch.setattr)

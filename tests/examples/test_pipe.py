"""The Dagster example's pipe, and the state that it keeps after a run."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "dagster"
TAP = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
point = '{"type": "counter", "metric": "http_request_count", "value": 7, "tags": {}}'
print("2026-01-01 | METRIC:", point, file=sys.stderr, flush=True)
time.sleep(float(sys.argv[1]))
"""
TARGET = "import sys; sys.stdin.read(); print({confirmed!r}, end=''); sys.exit({code})"


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the example's module."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    return importlib.import_module("agency.pipe")


def run(
    pipe: Any, folder: Path, confirmed: str, code: int = 0, seconds: int = 0
) -> tuple[tuple[int, int], Counter[str]]:
    """Run a tap with a metric into a target that confirms states."""
    counts: Counter[str] = Counter()
    # The pipe adds its own arguments after this one.
    tap = [sys.executable, "-c", TAP, str(seconds)]
    target = [sys.executable, "-c", TARGET.format(confirmed=confirmed, code=code)]
    return pipe.run(tap, target, folder, os.environ, counts), counts


@pytest.mark.parametrize(
    ("confirmed", "kept"),
    [
        ('{"n": 1}\n{"n": 2}\n', 2),
        ('{"n": 1}\n{"n": 2', 1),
        ("", 0),
    ],
    ids=["the last", "the last whole one", "the one before"],
)
def test_the_state_that_the_target_confirmed_is_kept(
    pipe: Any, tmp_path: Path, confirmed: str, kept: int
) -> None:
    """Even if the target fails after that."""
    state = tmp_path / "state.json"
    state.write_text('{"n": 0}\n', "utf-8")
    codes, counts = run(pipe, tmp_path, confirmed, code=3)
    assert codes == (0, 3)
    assert counts == {"http_request_count": 7}
    assert json.loads(state.read_text("utf-8")) == {"n": kept}


def test_an_interrupted_run_ends_its_tap_and_keeps_the_state(
    pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster may raise at any point of the asset."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipe, "_count", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(pipe, tmp_path, '{"n": 1}\n', seconds=60)
    assert json.loads((tmp_path / "state.json").read_text("utf-8")) == {"n": 1}

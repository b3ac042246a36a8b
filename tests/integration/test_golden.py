"""The exact Singer output of a first and a second run.

After an intended change, run this file with ``GOLDEN=write`` in the environment.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tap_cc_clicks.sandbox import Sandbox, generate
from tests.support import Output, run_tap

FOLDER = Path(__file__).parents[1] / "golden"


def compare(output: Output, name: str) -> None:
    """Compare an output with a file, or write the file."""
    for message in output.messages:
        if message["type"] == "RECORD":
            assert message.pop("time_extracted")
    text = "".join(
        json.dumps(message, ensure_ascii=False) + "\n" for message in output.messages
    )
    path = FOLDER / name
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def test_the_output_of_two_runs_matches_the_golden_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Six hours pass and three clicks are added between them."""
    account = generate(campaigns=6, clicks=24)

    def now() -> float:
        return account.now.timestamp()

    # State contains timestamps.
    monkeypatch.setattr("time.time", now)
    with Sandbox(account) as sandbox:
        first = run_tap(sandbox)
        account.advance(hours=6)
        account.add_clicks(3)
        second = run_tap(sandbox, first.state)
    compare(first, "first_run.jsonl")
    compare(second, "second_run.jsonl")

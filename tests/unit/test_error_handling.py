"""How a command ends after unexpected errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.error_handling import error_messages, exit_on_error
from tests.support import HANGS

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox


def test_an_unexpected_error_is_one_sentence_without_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """DEBUG shows the lines of code that led to the error, but no values."""
    messages: list[str] = []
    caplog.set_level("DEBUG", "tap-cc-clicks")
    with (
        pytest.raises(SystemExit) as end,
        exit_on_error(lambda _, text: messages.append(text)),
    ):
        int("s3cret" * 2)
    assert end.value.code == 1
    (sentence,) = messages
    assert "cannot explain (ValueError at test_error_handling.py:" in sentence
    assert 'int("s3cret" * 2)' in caplog.text
    assert "hushhush" not in caplog.text + sentence


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ImportError("Install s3fs"), "A package is missing beside the tap: Install"),
        (FileExistsError("/a"), "A file cannot be read or written: FileExistsError"),
    ],
)
def test_errors_of_batch_storage_are_explained(error: Exception, sentence: str) -> None:
    """The storage may be a file or need a missing package."""
    assert error_messages(error)[0].startswith(sentence)


def run_on_full_disk(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a module whose output goes to a full disk."""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        return subprocess.run(
            [sys.executable, "-m", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=HANGS,
            check=False,
            **options,
        )


@pytest.mark.parametrize(
    "command",
    [
        ["tap_cc_clicks", "--config=config.json"],
        ["tap_cc_clicks", "--discover"],
        ["tap_cc_clicks", "--version"],
        ["tap_cc_clicks.cli", "--help"],
        ["tap_cc_clicks.cli", "state", "show", "state.json"],
    ],
)
def test_a_full_disk_is_reported_in_one_sentence(
    sandbox: Sandbox, tmp_path: Path, command: list[str]
) -> None:
    """Used to be a traceback and exit code 120."""
    (tmp_path / "config.json").write_text(json.dumps(sandbox.config))
    (tmp_path / "state.json").write_text('{"bookmarks": {"campaigns": {}}}')
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    result = run_on_full_disk(*command, cwd=tmp_path, env=environment)
    assert result.returncode == 1
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr


@pytest.mark.parametrize("module", ["tap_cc_clicks", "tap_cc_clicks.cli"])
def test_a_closed_stdout_is_reported_in_one_sentence(module: str) -> None:
    """A shell closes it with ``>&-``."""
    command = f"exec {sys.executable} -m {module} --help >&-"
    result = subprocess.run(
        ["/bin/sh", "-c", command],
        stderr=subprocess.PIPE,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert result.returncode == 1
    assert "The output is closed (stdout)" in result.stderr
    assert "Traceback" not in result.stderr

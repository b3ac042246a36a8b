"""Running other commands within a test."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from tests.support import HANGS

if TYPE_CHECKING:
    from pathlib import Path


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command, and return its result."""
    return subprocess.run(
        command, capture_output=True, text=True, timeout=HANGS, check=False, **options
    )


def output_of(*command: str | Path, **options: Any) -> str:
    """Run a command that must succeed, and return what it printed."""
    result = run(*command, **options)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout

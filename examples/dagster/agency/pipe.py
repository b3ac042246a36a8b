"""Run ``tap | target`` for one account, keep its state and count its requests."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# The SDK's prefix of metrics in the log.
METRIC = "METRIC: "


def run(
    tap: Sequence[str],
    target: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    counts: Counter[str],
) -> tuple[int, int]:
    """Pipe a tap into a target and keep the state that the target confirmed.

    Args:
        tap: The tap's command.
        target: The target's command.
        folder: The folder of the state, and the working directory of both.
        environment: Environment variables, including the settings of both.
        counts: Updated with the tap's counters, by stream or metric.

    Returns:
        The exit codes of tap and target.
    """
    state = folder / "state.json"
    known = [f"--state={state}"] if state.exists() else []
    with tempfile.TemporaryFile() as confirmed:
        try:
            with (
                subprocess.Popen(
                    [*tap, "--config=ENV", *known],
                    cwd=folder,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                ) as source,
                subprocess.Popen(
                    target,
                    cwd=folder,
                    env=environment,
                    stdin=source.stdout,
                    stdout=confirmed,
                ) as sink,
            ):
                _follow(source, counts)
            return source.returncode, sink.returncode
        finally:
            confirmed.seek(0)
            _keep(confirmed, state)


def _follow(source: subprocess.Popen[bytes], counts: Counter[str]) -> None:
    """Forward the tap's log; terminate the tap if interrupted."""
    if not source.stdout or not source.stderr:
        return
    # Only the target reads the pipe, so that the tap notices when the target exits.
    source.stdout.close()
    try:
        for line in source.stderr:
            text = line.decode(errors="replace")
            sys.stderr.write(text)
            _count(text, counts)
    except BaseException:
        source.terminate()
        raise


def _count(line: str, counts: Counter[str]) -> None:
    _, mark, text = line.partition(METRIC)
    if mark:
        point = json.loads(text)
        if point["type"] == "counter":
            stream = point["tags"].get("stream")
            counts[stream or point["metric"]] += point["value"]


def _keep(confirmed: IO[bytes], state: Path) -> None:
    """Replace the state by the last one that was completely written."""
    lines = [line for line in confirmed if line.endswith(b"\n")]
    if lines:
        new = state.with_suffix(".new")
        new.write_bytes(lines[-1])
        new.replace(state)

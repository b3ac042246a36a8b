"""``tap | loader`` as in a shell, with the peak memory of both."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from demo.stack import ROOT
from tests.bench.measure import ENV, peak_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.loaders.loaders import Loader

LINES_TO_SHOW = 15


@dataclass(frozen=True)
class Piped:
    """The result of a run.

    Attributes:
        state: The last state that the loader passed on.
        seconds: Elapsed time, including the start of both interpreters.
        tap_peak: The tap's peak memory in megabytes.
        loader_peak: The loader's peak memory in megabytes.
    """

    state: dict[str, Any] | None
    seconds: float
    tap_peak: float
    loader_peak: float


def pipe(
    config: dict[str, Any],
    state: dict[str, Any] | None,
    loader: Loader,
    catalog: Path | None = None,
) -> Piped:
    """Run the tap into a loader, with the loader's last state.

    Args:
        config: The tap's settings; they, its state and both logs go into the loader's
            folder.
        state: The last state, or None.
        loader: The loader.
        catalog: The catalog file, or None for the default.

    Raises:
        RuntimeError: One of them failed; the message has its last log lines.
    """
    folder = loader.folder
    tap = [sys.executable, "-m", "tap_cc_clicks"]
    tap += ["--config", _written(folder / "config.json", config)]
    if state:
        tap += ["--state", _written(folder / "state.json", state)]
    if catalog:
        tap += ["--catalog", str(catalog)]
    began = time.monotonic()
    first, second = _start(tap, loader)
    with ThreadPoolExecutor() as pool:
        tap_peak, loader_peak = pool.map(peak_of, (first, second))
    seconds = time.monotonic() - began
    for name, process in (("loader", second), ("tap", first)):
        if process.wait():
            log = (folder / f"{name}.log").read_text("utf-8", "replace")
            raise RuntimeError("\n".join(log.splitlines()[-LINES_TO_SHOW:]))
    states = (folder / "states.jsonl").read_text("utf-8").splitlines()
    last = json.loads(states[-1]) if states else None
    return Piped(last, seconds, tap_peak, loader_peak)


def _start(
    tap: list[str], loader: Loader
) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    # First, as it fails if the loader is not installed.
    folder, command = loader.folder, loader.command
    with (
        (folder / "tap.log").open("wb") as tap_log,
        (folder / "loader.log").open("wb") as loader_log,
        (folder / "states.jsonl").open("wb") as states,
    ):
        first = subprocess.Popen(
            tap, stdout=subprocess.PIPE, stderr=tap_log, cwd=ROOT, env=ENV
        )
        second = subprocess.Popen(
            command,
            stdin=first.stdout,
            stdout=states,
            stderr=loader_log,
            cwd=folder,
            env={**ENV, **loader.env},
        )
    # Lets the tap notice that the loader has ended.
    if first.stdout:
        first.stdout.close()
    return first, second


def _written(path: Path, value: Any) -> str:
    path.write_text(json.dumps(value), "utf-8")
    return str(path)

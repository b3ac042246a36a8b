"""Runs a tap as a process, and measures the run."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.bench.service import Service, Traffic

TYPE = re.compile(rb'^\{"type": ?"(\w+)"')
ENV = {name: value for name, value in os.environ.items() if "TAP_" not in name}
MEGABYTE = 1_000_000
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
KILOBYTES = 1000


@dataclass(frozen=True)
class Tap:
    """A tap to measure.

    Attributes:
        name: Its name in the tables.
        module: What ``python -m`` runs.
        known: The service's settings that it accepts, besides its own.
    """

    name: str
    module: str
    own: dict[str, Any]
    known: tuple[str, ...] = ("client_id", "refresh_token", "api_url", "token_url")

    def config(self, service: Service) -> dict[str, Any]:
        """Return the settings with which it reads the service."""
        return {**{name: service.config[name] for name in self.known}, **self.own}


@dataclass(frozen=True)
class Run:
    """The measurements of a run.

    Attributes:
        seconds: Elapsed time, including the interpreter's start.
        cpu: CPU seconds.
        peak: Peak memory in megabytes.
        written: Megabytes written.
        messages: Messages by type.
        state: The last state.
        traffic: The requests to the service.
    """

    seconds: float
    cpu: float
    peak: float
    written: float
    messages: Counter[str]
    state: dict[str, Any] | None
    traffic: Traffic

    @property
    def records_per_second(self) -> float:
        """The records of the run divided by its time."""
        return self.messages["RECORD"] / self.seconds


def run(
    tap: Tap,
    service: Service,
    state: dict[str, Any] | None = None,
    *,
    catalog: dict[str, Any] | None = None,
    seconds: float | None = None,
    **settings: Any,
) -> Run:
    """Run a tap until it ends, or for a number of seconds at most."""
    service.traffic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", tap.module, "--config"]
        command.append(
            _write(folder / "config.json", {**tap.config(service), **settings})
        )
        if state:
            command += ["--state", _write(folder / "state.json", state)]
        if catalog:
            command += ["--catalog", _write(folder / "catalog.json", catalog)]
        with (folder / "out").open("wb") as out, (folder / "log").open("wb") as log:
            began = time.monotonic()
            process = subprocess.Popen(command, stdout=out, stderr=log, env=ENV)
            peak = peak_of(process, seconds)
            _, status, usage = os.wait4(process.pid, 0)
            took = time.monotonic() - began
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode and not seconds:
            sys.exit((folder / "log").read_text()[-2000:])
        messages, last = _read(folder / "out")
        return Run(
            seconds=took,
            cpu=usage.ru_utime + usage.ru_stime,
            peak=peak,
            written=(folder / "out").stat().st_size / MEGABYTE,
            messages=messages,
            state=last,
            traffic=service.traffic(),
        )


def peak_of(process: subprocess.Popen[bytes], seconds: float | None = None) -> float:
    """Return the peak memory of a process, which is killed after some seconds if set.

    Not from its resource usage, which starts with the peak of the parent process.
    """
    peak = 0.0
    deadline = time.monotonic() + (seconds or math.inf)
    status = Path(f"/proc/{process.pid}/status")
    while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if found := PEAK.search(status.read_text()):
            peak = int(found.group(1)) / KILOBYTES
        if time.monotonic() > deadline:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.05)
    return peak


def _write(path: Path, value: Any) -> str:
    path.write_text(json.dumps(value), "utf-8")
    return str(path)


def _read(path: Path) -> tuple[Counter[str], dict[str, Any] | None]:
    messages: Counter[str] = Counter()
    last = None
    with path.open("rb") as lines:
        for line in lines:
            if match := TYPE.match(line):
                kind = match.group(1).decode()
                messages[kind] += 1
                last = line if kind == "STATE" else last
    return messages, json.loads(last)["value"] if last else None

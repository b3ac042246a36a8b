"""The tap as a process, with faults that a test chooses.

Run as ``python -m tests.child`` with the tap's arguments. The environment variable
``FATE`` has the faults as JSON: see :class:`Fate`.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import backoff

from tap_cc_clicks import singer
from tap_cc_clicks.api import auth, client
from tap_cc_clicks.tap import main
from tests.support import clock

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Fate:
    """The faults of a process.

    Attributes:
        dies_after: ``module:Class.method``; the process is killed after its first call.
        largest_file: The largest size of a file, in bytes: simulates a full disk.
        clock: Seconds that the clock is ahead.
        state_records: Records between two STATE messages.
        peak: A file for the peak memory, in megabytes.
        patches: Values of module constants, by ``module:NAME``.
    """

    dies_after: str | None = None
    largest_file: int | None = None
    clock: float = 0
    state_records: int | None = None
    peak: str | None = None
    patches: dict[str, Any] = field(default_factory=dict)

    def apply(self) -> None:
        """Apply the faults to this process."""
        never_wait(setattr)
        if self.dies_after:
            _die_after(self.dies_after)
        if self.largest_file is not None:
            limit = (self.largest_file, self.largest_file)
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        if self.state_records:
            often(setattr, self.state_records)
        if self.peak:
            atexit.register(_write_peak, Path(self.peak))
        for place, value in self.patches.items():
            module, _, name = place.partition(":")
            setattr(importlib.import_module(module), name, value)


def never_wait(set_attribute: Callable[[Any, str, Any], None]) -> None:
    """Retry without waiting."""
    set_attribute(client, "waits", lambda: backoff.constant(interval=0))
    set_attribute(auth, "SECONDS_BETWEEN_CALLS", 0)


def often(set_attribute: Callable[[Any, str, Any], None], records: int) -> None:
    """Write STATE after this many records."""
    set_attribute(singer, "STATE_RECORDS", records)
    set_attribute(singer, "STATE_RECORDS_PER_PARTITION", 0)


def _write_peak(file: Path) -> None:
    # Not getrusage: it starts with the memory of the parent process.
    status = Path("/proc/self/status").read_text("ascii")
    file.write_text(str(int(status.split("VmHWM:")[1].split()[0]) // 1000))


def _die_after(place: str) -> None:
    module, _, path = place.partition(":")
    owner, _, name = path.partition(".")
    cls = getattr(importlib.import_module(module), owner)
    method = getattr(cls, name)

    @functools.wraps(method)
    def last(*args: Any, **kwargs: Any) -> None:
        method(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(cls, name, last)


def start(
    config: dict[str, Any],
    folder: Path,
    *arguments: str,
    fate: Fate | None = None,
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start the tap as a process.

    Args:
        config: Its settings.
        folder: Where its config file goes.
        arguments: Further arguments.
        fate: Its faults.
        environment: Variables to add to those of this process; empty ones are removed.
    """
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    variables = {
        **os.environ,
        "FATE": json.dumps(asdict(fate or Fate())),
        **(environment or {}),
    }
    for name in os.environ:
        if name.startswith("TAP_CC_CLICKS_") and name not in (environment or {}):
            del variables[name]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.child", "--config", str(path), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in variables.items() if value},
    )


if __name__ == "__main__":
    mine = Fate(**json.loads(os.environ["FATE"]))
    mine.apply()
    with clock(lambda: mine.clock):
        main()

"""The tap as a process of its own, with what a test lets befall it.

Run as ``python -m tests.child`` with the tap's arguments. The test's wishes stand in
the environment variable ``FATE``, as JSON: see :class:`Fate`.
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
    """What is to befall a process.

    Attributes:
        dies_after: ``module:Class.method`` after whose first call it is killed (-9).
        largest_file: Bytes that a file may have: a disk that is full.
        clock: Seconds by which the clock is wrong.
        state_records: After how many records STATE is written.
        peak: File that gets the megabytes of memory that it took at most.
        patches: Values of module constants, by ``module:NAME``.
    """

    dies_after: str | None = None
    largest_file: int | None = None
    clock: float = 0
    state_records: int | None = None
    peak: str | None = None
    patches: dict[str, Any] = field(default_factory=dict)

    def befall(self) -> None:
        """Make it so, in this process."""
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
    """Let retries follow at once."""
    set_attribute(client, "waits", lambda: backoff.constant(interval=0))
    set_attribute(auth, "SECONDS_BETWEEN_CALLS", 0)


def often(set_attribute: Callable[[Any, str, Any], None], records: int) -> None:
    """Write STATE after so many records."""
    set_attribute(singer, "STATE_RECORDS", records)
    set_attribute(singer, "STATE_RECORDS_PER_PARTITION", 0)


def _write_peak(file: Path) -> None:
    # Not getrusage: it begins with what the process had from which this one came.
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
        fate: What is to befall it.
        environment: Variables besides those of this process; empty ones are left out.
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
    mine.befall()
    with clock(lambda: mine.clock):
        main()

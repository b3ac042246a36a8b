"""Limits of a run: the rate, a budget of requests, and the daily quota."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pyrate_limiter import InMemoryBucket, Limiter, Rate, SingleBucketFactory

from tap_cc_clicks.api.errors import BudgetSpentError, RunEndedError

# The API counts arrivals, which can be closer together than the sending. This margin
# keeps a fifth request out of any one second.
PACE_MARGIN = 1.006
# How much the interval grows after a 429; more after several in a row, since another
# run may use the same key.
STEP = 0.05
STEP_IN_A_ROW = 0.2
IN_A_ROW = 10
# Slightly less than half the rate, for two runs that share a key.
LARGEST_EXCESS = 1.1
# The interval is back to normal after this many successes. It shrinks late, so that
# two runs on one key rarely exceed the limit.
RECOVERY = 100
RECOVERY_CURVE = 6
LIMITER_BUFFER_MS = 1


class Pace:
    """The interval between requests; grows after a 429, and recovers."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._excess = 0.0
        self._clean = RECOVERY

    @property
    def interval(self) -> float:
        """Milliseconds between two requests."""
        return 1000 * (PACE_MARGIN + self._left) / self._per_second

    @property
    def _left(self) -> float:
        recovered = min(1, self._clean / RECOVERY) ** RECOVERY_CURVE
        return self._excess * (1 - recovered)

    def refused(self) -> None:
        step = STEP if self._clean >= IN_A_ROW else STEP_IN_A_ROW
        self._excess = min(self._left + step, LARGEST_EXCESS)
        self._clean = 0

    def succeeded(self) -> bool:
        """Note a success; return whether the interval changed."""
        self._clean += 1
        return self._clean <= RECOVERY


class RequestGate:
    """Limits the rate of requests, counts them, and can be closed.

    Args:
        per_second: Requests a second (``requests_per_second``).
        max_requests: The budget of the run; None for no limit.
        count: Called for each request, including refused and repeated ones.

    Attributes:
        requests: How many were let through.
        ended: Why no more are let through; None while they are.
    """

    def __init__(
        self,
        per_second: float,
        max_requests: int | None = None,
        count: Callable[[], None] = lambda: None,
    ) -> None:
        self._pace = Pace(per_second)
        self._per_second = per_second
        self._bucket = InMemoryBucket([self._rate])
        # No background thread, which would outlive the run.
        factory = SingleBucketFactory(self._bucket, schedule_leak=False)
        self._limiter = Limiter(factory, buffer_ms=LIMITER_BUFFER_MS)
        self.max_requests = max_requests
        self._count = count
        self._lock = threading.Lock()
        self.requests = 0
        self.ended: RunEndedError | None = None

    def enter(self) -> None:
        """Wait for a free slot and count the request.

        Raises:
            RunEndedError: The budget is spent or the gate is closed.
        """
        with self._lock:
            if self.requests == self.max_requests:
                self.shut(BudgetSpentError(_spent(self.requests)))
            if self.ended:
                # A new one for each thread: a traceback grows with every raise.
                raise type(self.ended)(*self.ended.args)
            self._bucket.leak(time.monotonic_ns() // 1_000_000)
            self._limiter.try_acquire()
            self.requests += 1
            self._count()

    def slow_down(self) -> None:
        """Note a 429."""
        self._pace.refused()
        self._bucket.rates = [self._rate]

    def succeeded(self) -> None:
        if self._pace.succeeded():
            self._bucket.rates = [self._rate]

    def shut(self, reason: RunEndedError) -> None:
        """Let no more requests through; the first reason is kept."""
        self.ended = self.ended or reason

    @property
    def _rate(self) -> Rate:
        """A rate that spaces requests evenly: the API would refuse a burst."""
        interval = self._pace.interval
        if interval < 1:
            return Rate(max(1, int(self._per_second)), 1000)
        return Rate(1, round(interval))


def _spent(requests_made: int) -> str:
    return (
        f"The run has made {requests_made} requests, the limit of max_requests; the "
        "next run continues from here"
    )

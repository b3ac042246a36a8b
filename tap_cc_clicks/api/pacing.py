"""What a run may spend: the API's pace, a budget of requests, and the day's quota."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pyrate_limiter import InMemoryBucket, Limiter, Rate, SingleBucketFactory

from tap_cc_clicks.api.errors import BudgetSpentError, RunEndedError

# The API counts arrivals, and requests may come closer together than they were sent. To
# keep a fifth one out of the same second they are sent a little more seldom than
# allowed.
PACE_MARGIN = 1.006
# How much more seldom they are sent after one was refused nevertheless: a little, or
# much if another one was just before, since another run may use the same key.
STEP = 0.05
STEP_IN_A_ROW = 0.2
IN_A_ROW = 10
# A little less than half the pace: what a run may have beside another one.
LARGEST_EXCESS = 1.1
# After so many requests without a refusal nothing of that is left. Most of it stays for
# most of them, so that two runs on one key seldom meet the limit.
RECOVERY = 100
RECOVERY_CURVE = 6
LIMITER_BUFFER_MS = 1


class Pace:
    """How far apart requests are sent.

    Args:
        per_second: Requests a second.
    """

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
        """Note that the API found a request too early."""
        step = STEP if self._clean >= IN_A_ROW else STEP_IN_A_ROW
        self._excess = min(self._left + step, LARGEST_EXCESS)
        self._clean = 0

    def succeeded(self) -> bool:
        """Note a request that was answered; tell whether the interval changed."""
        self._clean += 1
        return self._clean <= RECOVERY


class RequestGate:
    """Lets requests through at the allowed pace, counts them, and can be shut.

    Args:
        per_second: Requests a second (``requests_per_second``).
        max_requests: Requests in this run, or None for as many as it takes.
        count: Called for each request, the refused and the repeated ones among them.

    Attributes:
        requests: How many were let through.
        ended: Why no more are; None while they are.
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
        # Not leaking by a thread of its own, which would outlive the run.
        factory = SingleBucketFactory(self._bucket, schedule_leak=False)
        self._limiter = Limiter(factory, buffer_ms=LIMITER_BUFFER_MS)
        self.max_requests = max_requests
        self._count = count
        self._turn = threading.Lock()
        self.requests = 0
        self.ended: RunEndedError | None = None

    def enter(self) -> None:
        """Wait for this request's turn and count it.

        Raises:
            RunEndedError: The budget is spent or the gate was shut.
        """
        with self._turn:
            if self.requests == self.max_requests:
                self.shut(BudgetSpentError(_spent(self.requests)))
            if self.ended:
                # Anew for each thread: a traceback grows with every raise.
                raise type(self.ended)(*self.ended.args)
            self._bucket.leak(time.monotonic_ns() // 1_000_000)
            self._limiter.try_acquire()
            self.requests += 1
            self._count()

    def slow_down(self) -> None:
        """Note that the API found a request too early."""
        self._pace.refused()
        self._bucket.rates = [self._rate]

    def succeeded(self) -> None:
        """Note a request that was answered."""
        if self._pace.succeeded():
            self._bucket.rates = [self._rate]

    def shut(self, reason: RunEndedError) -> None:
        """Let no further request through; the first reason counts."""
        self.ended = self.ended or reason

    @property
    def _rate(self) -> Rate:
        """A rate that spaces requests evenly, since a burst would be refused."""
        interval = self._pace.interval
        if interval < 1:
            return Rate(max(1, int(self._per_second)), 1000)
        return Rate(1, round(interval))


def _spent(requests_made: int) -> str:
    return (
        f"The run has made {requests_made} requests, as many as max_requests allows; "
        "the next run goes on from here"
    )

"""What a run may spend: the API's pace, a budget of requests, and the day's quota."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pyrate_limiter import InMemoryBucket, Limiter, Rate, SingleBucketFactory

from tap_cc_clicks.api.errors import BudgetSpentError, RunEndedError

# The API counts arrivals, and requests may come closer together than they were sent. To
# keep a fifth one out of the same second they are sent a little more seldom than
# allowed, by a margin that grows when the API refuses one nevertheless.
PACE_MARGIN = 1.006
PACE_MARGIN_STEP = 0.01
LARGEST_PACE_MARGIN = 1.1
LIMITER_BUFFER_MS = 1


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
        self._per_second = per_second
        self._margin = PACE_MARGIN
        self._bucket = InMemoryBucket([_rate(per_second, self._margin)])
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
        self._margin = min(self._margin + PACE_MARGIN_STEP, LARGEST_PACE_MARGIN)
        self._bucket.rates = [_rate(self._per_second, self._margin)]

    def shut(self, reason: RunEndedError) -> None:
        """Let no further request through; the first reason counts."""
        self.ended = self.ended or reason


def _rate(per_second: float, margin: float) -> Rate:
    """Return a rate that spaces requests evenly, since a burst would be refused."""
    interval = 1000 * margin / per_second
    if interval < 1:
        return Rate(max(1, int(per_second)), 1000)
    return Rate(1, round(interval))


def _spent(requests_made: int) -> str:
    return (
        f"The run has made {requests_made} requests, as many as max_requests allows; "
        "the next run goes on from here"
    )

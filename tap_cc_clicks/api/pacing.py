"""What a run may spend: the API's pace, a budget of requests, and the day's quota."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from pyrate_limiter import InMemoryBucket, Limiter, Rate, SingleBucketFactory
from requests.adapters import HTTPAdapter
from singer_sdk.exceptions import RequestedAbortException
from typing_extensions import override

from tap_cc_clicks.bodies import ACCEPT_ENCODING, read_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.metrics import Counter

# The API counts arrivals, and requests may come closer together than they were sent. To
# keep a fifth one out of the same second they are sent a little more seldom than
# allowed, by a margin that grows when the API refuses one nevertheless.
PACE_MARGIN = 1.006
PACE_MARGIN_STEP = 0.01
LARGEST_PACE_MARGIN = 1.1
LIMITER_BUFFER_MS = 1


class RunEndedError(RequestedAbortException):
    """The run is to end in good order, with work left for the next one."""


class BudgetSpentError(RunEndedError):
    """The run has made as many requests as it may."""


class QuotaExceededError(RunEndedError):
    """The API key has no requests left today."""


class RequestGate:
    """Lets requests through at the allowed pace, counts them, and can be shut.

    Args:
        per_second: Requests a second (``requests_per_second``).
        max_requests: Requests in this run, or None for as many as it takes.
        counter: Told of each request, the refused and the repeated ones among them.

    Attributes:
        requests: How many were let through.
        ended: Why no more are; None while they are.
    """

    def __init__(
        self,
        per_second: float,
        max_requests: int | None = None,
        counter: Counter | None = None,
    ) -> None:
        """Set the pace and the budget."""
        self._per_second = per_second
        self._margin = PACE_MARGIN
        self._bucket = InMemoryBucket([_rate(per_second, self._margin)])
        # Not leaking by a thread of its own, which would outlive the run.
        factory = SingleBucketFactory(self._bucket, schedule_leak=False)
        self._limiter = Limiter(factory, buffer_ms=LIMITER_BUFFER_MS)
        self.max_requests = max_requests
        self._counter = counter
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
            if self._counter:
                self._counter.increment()

    def slow_down(self) -> None:
        """Note that the API found a request too early."""
        self._margin = min(self._margin + PACE_MARGIN_STEP, LARGEST_PACE_MARGIN)
        self._bucket.rates = [_rate(self._per_second, self._margin)]

    def shut(self, reason: RunEndedError) -> None:
        """Let no further request through; the first reason counts."""
        self.ended = self.ended or reason


class PacedSession(requests.Session):
    """A session whose every request passes the gate."""

    def __init__(self, gate: RequestGate, connections: int) -> None:
        """Keep as many connections open as there may be requests under way."""
        super().__init__()
        self.headers["Accept-Encoding"] = ACCEPT_ENCODING
        self._gate = gate
        self._environments: dict[str, Mapping[str, Any]] = {}
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=connections + 1))

    @override
    def send(
        self, request: requests.PreparedRequest, **kwargs: Any
    ) -> requests.Response:
        environment = self._environment(urlsplit(request.url or "").netloc)
        self._gate.enter()
        options: dict[str, Any] = {**environment, **kwargs, "stream": True}
        response = super().send(request, **options)
        read_body(response)
        return response

    def _environment(self, host: str) -> Mapping[str, Any]:
        """Return what the environment says of CA and proxy for a host.

        Session.send alone would leave it out. To ask costs as much as to decode a page,
        so it is asked once.
        """
        if host not in self._environments:
            url = f"https://{host}"
            self._environments[host] = self.merge_environment_settings(
                url, {}, None, None, None
            )
        return self._environments[host]


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

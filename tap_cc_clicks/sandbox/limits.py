"""The API's limits: requests per second and requests per day."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field


@dataclass
class Limits:
    """Request limits; None disables a limit.

    Attributes:
        per_second: Requests in any period of one second.
        per_day: Requests since the start: a simulated day does not end.
    """

    per_second: int | None = None
    per_day: int | None = None
    used: int = 0
    arrivals: deque[float] = field(default_factory=deque)

    def refusal(self) -> str | None:
        """Count a request; return an ``error_key`` if it exceeds a limit."""
        now = time.monotonic()
        while self.arrivals and now - self.arrivals[0] >= 1:
            self.arrivals.popleft()
        if self.per_second and len(self.arrivals) >= self.per_second:
            return "throttled"
        if self.per_day is not None and self.used >= self.per_day:
            return "quota_exceeded"
        self.arrivals.append(now)
        self.used += 1
        return None

"""What reports may take of a run's budget: those that do not fit into it come last."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tap_cc_clicks.api.pacing import RequestGate

POLL_SECONDS = 0.2


class Budget:
    """Keeps requests for the reports that are under way.

    What a report under way has asked already is counted twice, so that rather too few
    are started at once than too many.

    Args:
        gate: Knows how many requests there may be, and how many were made.
    """

    def __init__(self, gate: RequestGate) -> None:
        self._gate = gate
        self._reserved = 0
        self._changed = threading.Condition()

    @property
    def left(self) -> int | None:
        """Requests left in this run; None if there is no limit."""
        most = self._gate.max_requests
        return None if most is None else max(0, most - self._gate.requests)

    def reserve(self, requests: int, kept: int = 0) -> bool:
        """Keep so many requests for a report, or tell that there are too few.

        Args:
            requests: How many.
            kept: How many were kept for it before, which it gives up.
        """
        left = self.left
        if left is None:
            return True
        with self._changed:
            self._reserved = max(0, self._reserved - kept)
            fits = requests <= left - self._reserved
            self._reserved += requests * fits
            return fits

    def wait(self, requests: int, is_over: Callable[[], bool]) -> bool:
        """Keep so many requests as soon as others are through that keep too many.

        Args:
            requests: How many.
            is_over: Tells that nobody will be through any more.
        """
        while not self.reserve(requests):
            with self._changed:
                if not self._reserved or is_over():
                    return False
                self._changed.wait(POLL_SECONDS)
        return True

    def release(self, requests: int) -> None:
        """Note that a report is through."""
        with self._changed:
            self._reserved = max(0, self._reserved - requests)
            self._changed.notify_all()

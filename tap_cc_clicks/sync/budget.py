"""The request budget of a run, shared by reports that are read at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tap_cc_clicks.api.pacing import RequestGate

POLL_SECONDS = 0.2


class Budget:
    """Reserves requests for reports that are being read.

    Requests that such a report has already made count twice, so that too few reports
    are started rather than too many.

    Args:
        gate: Has the limit and the number of requests.
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
        """Reserve requests for a report; return False if too few are left.

        Args:
            requests: How many.
            kept: How many were reserved for it before; they are given back.
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
        """Reserve requests, waiting for other reports to give some back.

        Args:
            requests: How many.
            is_over: Returns whether the run has ended.
        """
        while not self.reserve(requests):
            with self._changed:
                if not self._reserved or is_over():
                    return False
                self._changed.wait(POLL_SECONDS)
        return True

    def release(self, requests: int) -> None:
        """Give back requests of a finished report."""
        with self._changed:
            self._reserved = max(0, self._reserved - requests)
            self._changed.notify_all()

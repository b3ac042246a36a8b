"""What reports may take of a run's budget: those that do not fit into it come last."""

from __future__ import annotations

import threading

from tap_cc_clicks.api.pacing import RequestGate


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
        self._lock = threading.Lock()

    @property
    def left(self) -> int | None:
        """Requests left in this run; None if there is no limit."""
        most = self._gate.max_requests
        return None if most is None else max(0, most - self._gate.requests)

    def reserve(self, requests: int) -> bool:
        """Keep so many requests for a report, or tell that there are too few."""
        left = self.left
        if left is None:
            return True
        with self._lock:
            if requests > left - self._reserved:
                return False
            self._reserved += requests
            return True

    def release(self, requests: int) -> None:
        """Note that a report is through."""
        with self._lock:
            self._reserved = max(0, self._reserved - requests)

"""Sharing a run's budget among reports: those that do not fit are read last."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tap_cc_clicks.api.pacing import RequestGate

POLL_SECONDS = 0.2


class Budget:
    """Reserves requests for the reports being read.

    Requests that a report has already made are counted twice, to stay on the safe side.
    """

    def __init__(self, gate: RequestGate) -> None:
        self._gate = gate
        self._reserved = 0
        self._changed = threading.Condition()

    @property
    def left(self) -> int | None:
        """Requests left in this run; None without a limit."""
        most = self._gate.max_requests
        return None if most is None else max(0, most - self._gate.requests)

    def reserve(self, requests: int, kept: int = 0) -> bool:
        """Reserve requests for a report; return whether they fit.

        Args:
            kept: Its earlier reservation, which is released.
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
        """Wait until the requests fit, and reserve them.

        Args:
            is_over: Whether the run has ended.
        """
        while not self.reserve(requests):
            with self._changed:
                if not self._reserved or is_over():
                    return False
                self._changed.wait(POLL_SECONDS)
        return True

    def release(self, requests: int) -> None:
        with self._changed:
            self._reserved = max(0, self._reserved - requests)
            self._changed.notify_all()

"""What an operator sees of a run: one line every ten seconds, and one at the end."""

from __future__ import annotations

import logging
import time

from tap_cc_clicks.api.pacing import RequestGate

LINE_SECONDS = 10
DAILY_QUOTA = 10_000
SECONDS_PER_MINUTE = 60


class Progress:
    """Counts what a run does, and says so now and then.

    Args:
        logger: Where the lines go.
        gate: Knows how many requests were made.
    """

    def __init__(self, logger: logging.Logger, gate: RequestGate) -> None:
        self.campaigns = self.campaigns_known = 0
        self.reports = 0
        self.records = 0
        self._logger = logger
        self._gate = gate
        self._started = self._said = time.monotonic()

    def beat(self) -> None:
        """Say how far the run is, if ten seconds have passed."""
        now = time.monotonic()
        if now - self._said >= LINE_SECONDS:
            self._said = now
            self._logger.info("%s%s", self._counts(now), self._time_left(now))

    def finish(self) -> None:
        """Say what the run did."""
        self._logger.info("Done: %s", self._counts(time.monotonic()))

    def _counts(self, now: float) -> str:
        requests = self._gate.requests
        rate = requests / max(now - self._started, 0.001)
        return (
            f"{self.campaigns:,} of {self.campaigns_known:,} campaigns, "
            f"{self.reports:,} reports read, {self.records:,} records, "
            f"{requests:,} requests ({rate:.1f}/s, "
            f"{100 * requests / DAILY_QUOTA:.1f} % of a day's quota)"
        )

    def _time_left(self, now: float) -> str:
        if not 0 < self.campaigns < self.campaigns_known:
            return ""
        share = self.campaigns / self.campaigns_known
        seconds = (now - self._started) * (1 - share) / share
        return f", about {max(1, round(seconds / SECONDS_PER_MINUTE))} min left"

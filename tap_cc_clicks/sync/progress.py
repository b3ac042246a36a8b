"""Progress of a run: a log line every ten seconds, and one at the end."""

from __future__ import annotations

import logging
import time

from tap_cc_clicks.api.errors import BudgetSpentError, QuotaExceededError
from tap_cc_clicks.api.pacing import RequestGate

LINE_SECONDS = 10
SECONDS_PER_MINUTE = 60
REASONS = {BudgetSpentError: "max_requests", QuotaExceededError: "the day's quota"}


class Progress:
    """Counts and logs what a run does.

    Args:
        per_day: The daily quota of the API key.

    Attributes:
        campaigns_known: Campaigns that are new or changed.
        looked_up: Those whose activities are known.
        campaigns: Those that are finished.
        looks_known: Looks of this run.
        looks: Looks that were made.
        waiting: Candidates left to later runs.
        reports: Reports read.
        records: Records of all streams.
    """

    def __init__(self, logger: logging.Logger, gate: RequestGate, per_day: int) -> None:
        self.campaigns = self.campaigns_known = self.looked_up = 0
        self.looks = self.looks_known = self.waiting = 0
        self.reports = 0
        self.records = 0
        self._logger = logger
        self._gate = gate
        self._per_day = per_day
        self._started = self._logged = time.monotonic()
        # When the first of them were done, and how many: before, look-ups and reports
        # of many more were under way, so only the time since then tells the pace.
        self._first = (0.0, 0)

    def heartbeat(self) -> None:
        """Log progress every ten seconds."""
        now = time.monotonic()
        if self._through and not self._first[1]:
            self._first = (now, self._through)
        if now - self._logged >= LINE_SECONDS:
            self._logged = now
            self._logger.info("%s%s", self._counts(now), self._time_left(now))

    def finish(self) -> None:
        counts = self._counts(time.monotonic())
        ended = self._gate.ended
        if ended is None:
            self._logger.info("Done: %s", counts)
            return
        self._logger.info(
            "Stopped at %s requests (%s): %s; the next run continues",
            f"{self._gate.requests:,}",
            REASONS.get(type(ended), "see above"),
            counts,
        )

    def _counts(self, now: float) -> str:
        requests = self._gate.requests
        rate = requests / max(now - self._started, 0.001)
        ahead = self.looked_up - self.campaigns
        looked_up = f" ({self.looked_up:,} looked up)" if ahead > 0 else ""
        waiting = f", {self.waiting:,} wait" if self.waiting else ""
        return (
            f"{self.campaigns:,} of {self.campaigns_known:,} new or changed campaigns"
            f"{looked_up}, {self.looks:,} of {self.looks_known:,} looks for change"
            f"{waiting}, "
            f"{self.reports:,} reports read, {self.records:,} records, "
            f"{requests:,} requests ({rate:.1f}/s, "
            f"{100 * requests / self._per_day:.1f} % of a day's quota)"
        )

    def _time_left(self, now: float) -> str:
        since, before = self._first
        left = self.campaigns_known + self.looks_known - self._through
        done = self._through - before
        if not left or not done:
            return ""
        minutes = round((now - since) / done * left / SECONDS_PER_MINUTE)
        return f", about {minutes} min left" if minutes else ", less than a minute left"

    @property
    def _through(self) -> int:
        return self.campaigns + self.looks

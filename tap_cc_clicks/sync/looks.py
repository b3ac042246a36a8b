"""The budget for looks, kept in state between runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from tap_cc_clicks.api.timestamps import SECONDS_PER_HOUR
from tap_cc_clicks.sync.schedule import REQUEST, Bucket, Candidate, Look, choose

THOUSANDTHS = 1000


class Looks:
    """The budget for looks.

    Args:
        per_day: ``look_requests_per_day``.
        state: The state of the stream ``campaign_activities``.
        hour: This hour, since 1970.
    """

    def __init__(self, per_day: int, state: dict[str, Any], hour: float) -> None:
        self.per_day = per_day
        self.hour = hour
        self._state = state
        self._bucket: Bucket | None = None
        if per_day:
            known = state.get("looks")
            bucket = _recalled(*known) if known else Bucket.full(per_day, hour)
            self._bucket = bucket.filled(per_day, hour)
        self._failed = 0

    def choose(
        self, candidates: Sequence[Candidate], left: int | None = None
    ) -> list[Look]:
        """Return the looks of this run.

        Args:
            candidates: What could be looked at.
            left: Remaining requests of the run; None for no limit. Half are for looks.
        """
        bucket = self._bucket
        if left is not None:
            # A search that can never be paid for would stand first for good.
            candidates = [one for one in candidates if one.cost <= left * REQUEST]
            half = Bucket.full(left / 2, self.hour)
            bucket = bucket.within(half) if bucket else half
        return choose(candidates, bucket, self.hour)

    def uncounted(self, looks: Sequence[Look], reports: int) -> tuple[Look, ...]:
        """Return looks without counters at the cost of reports.

        None once they have cost a day's budget in this run.
        """
        cost = REQUEST * reports
        if self._bucket is None:
            return tuple(looks)
        self._failed += cost * len(looks)
        if self._failed > self.per_day * REQUEST:
            return ()
        return tuple(
            replace(look, candidate=replace(look.candidate, cost=cost))
            for look in looks
        )

    def note(self, looks: Iterable[Look]) -> None:
        """Charge looks whose results were written."""
        for look in looks:
            if self._bucket:
                self._bucket = bucket = self._bucket.after(look)
                self._state["looks"] = _kept(bucket)


def _kept(bucket: Bucket) -> list[int]:
    """Return a bucket for the state, in integers: targets fail to write decimals."""
    levels = [round(THOUSANDTHS * one) for one in (bucket.oldest, bucket.likely)]
    return [*levels, round(bucket.hour * SECONDS_PER_HOUR)]


def _recalled(oldest: int, likely: int, seconds: int) -> Bucket:
    hour = seconds / SECONDS_PER_HOUR
    return Bucket(oldest / THOUSANDTHS, likely / THOUSANDTHS, hour)

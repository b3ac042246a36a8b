"""The budget for looks, as state keeps it from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from tap_cc_clicks.api.moments import SECONDS_PER_HOUR
from tap_cc_clicks.sync.schedule import REQUEST, Bucket, Candidate, Look, choose

THOUSANDTHS = 1000


class Looks:
    """The budget for looks, as state keeps it.

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
        """Return what this run looks at.

        Args:
            candidates: What may be looked at.
            left: Requests that the run may make; None for no limit. Half of them are
                for what looks find.
        """
        bucket = self._bucket
        if left is not None:
            # A search that can never be paid for would stand first for good.
            candidates = [one for one in candidates if one.cost <= left * REQUEST]
            half = Bucket.full(left / 2, self.hour)
            bucket = bucket.within(half) if bucket else half
        return choose(candidates, bucket, self.hour)

    def uncounted(self, looks: Sequence[Look], reports: int) -> tuple[Look, ...]:
        """Return looks whose counters failed, as they are charged: as reports.

        None of them, once as much as a day's worth was spent on such in this run.
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
        """Note looks whose outcome was written."""
        for look in looks:
            if self._bucket:
                self._bucket = bucket = self._bucket.after(look)
                self._state["looks"] = _kept(bucket)


def _kept(bucket: Bucket) -> list[int]:
    """Return a bucket as state keeps it: in thousandths and seconds.

    Not in fractions: targets read those as decimals, and fail to write them.
    """
    levels = [round(THOUSANDTHS * one) for one in (bucket.oldest, bucket.likely)]
    return [*levels, round(bucket.hour * SECONDS_PER_HOUR)]


def _recalled(oldest: int, likely: int, seconds: int) -> Bucket:
    hour = seconds / SECONDS_PER_HOUR
    return Bucket(oldest / THOUSANDTHS, likely / THOUSANDTHS, hour)

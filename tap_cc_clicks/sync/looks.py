"""The budget for looks, as state keeps it from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tap_cc_clicks.api.wire import NOT_ASKED, Counters
from tap_cc_clicks.sync.lookups import Activity
from tap_cc_clicks.sync.schedule import REQUEST, Bucket, Candidate, Look, choose


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
            bucket = Bucket(*known) if known else Bucket.full(per_day, hour)
            self._bucket = bucket.filled(per_day, hour)
        self._left = self._bucket.oldest + self._bucket.likely if self._bucket else 0

    def choose(self, candidates: Sequence[Candidate]) -> list[Look]:
        """Return what this run looks at."""
        return choose(candidates, self._bucket, self.hour)

    def affords(self, activity: Activity, counters: Counters) -> bool:
        """Tell whether an activity can be looked at, counted or not.

        Where counters fail that were to come, its report is asked, at ten times the
        cost.
        """
        if self._bucket is None or not activity.looks:
            return True
        failed = activity.counted and counters is NOT_ASKED
        cost = REQUEST if failed else sum(one.candidate.cost for one in activity.looks)
        if failed and cost > self._left:
            return False
        self._left -= cost
        return True

    def note(self, looks: Iterable[Look]) -> None:
        """Note looks whose outcome was written."""
        for look in looks:
            if self._bucket:
                self._bucket = bucket = self._bucket.after(look)
                self._state["looks"] = [bucket.oldest, bucket.likely, bucket.hour]

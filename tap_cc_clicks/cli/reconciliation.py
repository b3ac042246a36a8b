"""Compare the loaded clicks of each activity with the service's counter.

The model ``cc_clicks__reconciliation`` in transform/ applies the same rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tap_cc_clicks.api.wire import UNKNOWN, Counters

Verdict: TypeAlias = Literal["ok", "ahead", "behind", "not counted"]
ORDER: tuple[Verdict, ...] = ("behind", "ahead", "not counted", "ok")


@dataclass(frozen=True)
class Loaded:
    """What was loaded.

    Attributes:
        clicks: Number of clicks by activity, 0 for those without any.
        newest: Time of the newest click by activity, where known.
        counters: The service's counters; None if they were not loaded.
    """

    clicks: Mapping[str, int]
    newest: Mapping[str, str] = field(default_factory=dict)
    counters: Mapping[str, Counters] | None = None


@dataclass(frozen=True)
class Comparison:
    """An activity's clicks, loaded and counted.

    Attributes:
        counted: ``em_clicks_all``; None if the service gave no count.
        difference: ``loaded`` minus ``counted``.
        reason: Why the numbers can differ; None if they do not.
    """

    campaign_activity_id: str
    loaded: int
    counted: int | None
    difference: int | None
    verdict: Verdict
    reason: str | None


def compare(
    loaded: Loaded, counters: Mapping[str, Counters], filters: Sequence[str] = ()
) -> list[Comparison]:
    """Compare all activities that were loaded or counted, those behind first.

    Args:
        loaded: What was loaded.
        counters: The service's counters.
        filters: The active settings by which a run skips clicks.
    """
    known = sorted({*loaded.clicks, *counters})
    compared = [
        _compared(activity_id, loaded, counters.get(activity_id, UNKNOWN), filters)
        for activity_id in known
        # A web page has neither clicks nor a count.
        if loaded.clicks.get(activity_id) or activity_id in counters
    ]
    return sorted(compared, key=_place)


def _place(item: Comparison) -> tuple[int, str, int]:
    """Sort by verdict and reason, then by difference, largest first."""
    order = ORDER.index(item.verdict)
    return order, item.reason or "", -abs(item.difference or 0)


def _compared(
    activity_id: str, loaded: Loaded, counters: Counters, filters: Sequence[str]
) -> Comparison:
    clicks, counted = loaded.clicks.get(activity_id, 0), counters.clicks
    difference = None if counted is None else clicks - counted
    verdict = _verdict(difference)
    younger = loaded.newest.get(activity_id, "") > (counters.refreshed or "9")
    return Comparison(
        campaign_activity_id=activity_id,
        loaded=clicks,
        counted=counted,
        difference=difference,
        verdict=verdict,
        reason=_reason(verdict, filters, younger=younger),
    )


def _verdict(difference: int | None) -> Verdict:
    if difference is None:
        return "not counted"
    if difference == 0:
        return "ok"
    return "ahead" if difference > 0 else "behind"


def _reason(verdict: Verdict, filters: Sequence[str], *, younger: bool) -> str | None:
    if verdict == "ok":
        return None
    if verdict == "not counted":
        return "The service gave no count: the activity is gone, or has no reports"
    if verdict == "ahead" and younger:
        return "There are clicks younger than the count, which will catch up"
    if verdict == "ahead":
        return "The count is late, or never holds some clicks that the report shows"
    if filters:
        return f"Left out on purpose ({', '.join(filters)}), or not loaded yet"
    return (
        "Not loaded yet, left out by start_date or url_ids when it was, or counted and "
        "never shown in the report"
    )


def tally(compared: Sequence[Comparison]) -> Counter[Verdict]:
    """Return the number of activities by verdict."""
    return Counter(item.verdict for item in compared)

"""The promises of the schedule, simulated with the benchmark's model of an account."""

from __future__ import annotations

import pytest

from tap_cc_clicks.sync.schedule import FRESH_HOURS
from tests.bench.frontier import Played, Scheduled
from tests.bench.model import Account

SIX_HOURLY, HOURLY = 6, 1


def behind(played: Played, *, fresh: bool = False) -> list[float]:
    """Return the sorted delays of clicks, in hours after the first possible run."""
    return sorted(
        hours for hours, age in played.behind if not fresh or age <= FRESH_HOURS
    )


@pytest.mark.parametrize(
    ("days", "per_day", "most"), [(10, 500, 600), (40, 60, 160)], ids=["500", "60"]
)
def test_three_thousand_campaigns_stay_within_the_budget(
    days: int, per_day: int, most: float
) -> None:
    """Clicks of fresh emails load in the first run, others within the promise."""
    policy = Scheduled(Account(3_000, days), SIX_HOURLY, per_day)
    played = policy.play()
    late = behind(played)
    assert played.a_day <= most
    assert late[-1] <= policy.promise + SIX_HOURLY
    assert late[int(0.95 * len(late))] <= 12
    assert behind(played, fresh=True)[-1] == 0
    assert played.runs_short == 0


def test_hourly_runs_cost_no_more_looks() -> None:
    """The limit excludes new campaigns and reports with new clicks."""
    policy = Scheduled(Account(5_000, 8), HOURLY, 500)
    played = policy.play()
    kinds = ("listing", "summaries", "counters", "reports without counters")
    asked = sum(played.requests[kind] for kind in kinds) / played.days
    assert asked <= 650
    assert behind(played)[-1] <= policy.promise + HOURLY
    assert behind(played, fresh=True)[-1] == 0

"""The schedule of looks: its costs and its delays."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_cc_clicks.sync.schedule import (
    COUNTERS,
    HOURS_PER_DAY,
    REQUEST,
    Bucket,
    Candidate,
    Look,
    choose,
    is_at_rest,
    left_out,
    links_are_due,
    promised_days,
    spread,
)

NOW = 498_746.0
DEAREST = 3 * REQUEST
CANDIDATES = st.lists(
    st.tuples(
        st.sampled_from([COUNTERS, COUNTERS, COUNTERS, REQUEST, DEAREST]),
        st.floats(0, 2_000),
        st.floats(0, 40_000),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)
GAPS = st.one_of(
    st.sampled_from([1.0, 6.0, 24.0, 72.0]).map(lambda gap: [gap] * 12),
    st.lists(st.floats(0.01, 100), min_size=5, max_size=20),
)
PER_DAY = st.integers(1, 12)


def make(drawn: list[tuple[int, float, float, bool, bool]]) -> list[Candidate]:
    """Return candidates, given the hours since their last look and change."""
    return [
        Candidate(str(number), cost, NOW - looked, NOW - moved, fresh, hinted)
        for number, (cost, looked, moved, fresh, hinted) in enumerate(drawn)
    ]


def runs(
    candidates: list[Candidate], gaps: list[float], per_day: int
) -> Iterator[tuple[float, Bucket, list[Candidate], list[Look]]]:
    """Yield the time, bucket, candidates and looks of each run, repeating the gaps."""
    bucket, now = Bucket.full(per_day, NOW), NOW
    for gap in itertools.cycle(gaps):
        now += gap
        bucket = bucket.filled(per_day, now)
        looks = choose(candidates, bucket, now)
        yield now, bucket, candidates, looks
        done = {look.candidate.item for look in looks}
        candidates = [
            replace(one, looked=now) if one.item in done else one for one in candidates
        ]
        for look in looks:
            bucket = bucket.after(look)


def cost(looks: list[Look]) -> int:
    """Return the total cost of looks."""
    return sum(look.candidate.cost for look in looks)


@given(CANDIDATES, GAPS, PER_DAY)
def test_the_cost_of_any_period_is_bounded(
    drawn: list[tuple[int, float, float, bool, bool]], gaps: list[float], per_day: int
) -> None:
    """A day's budget may be saved up, and the last look may exceed the rest."""
    spent = [
        (now, cost(looks))
        for now, *_, looks in itertools.islice(runs(make(drawn), gaps, per_day), 40)
    ]
    for first, last in itertools.combinations(range(len(spent)), 2):
        hours = spent[last][0] - spent[first][0]
        share = (hours / HOURS_PER_DAY + 1) * per_day * REQUEST
        total = sum(each for _, each in spent[first : last + 1])
        assert total <= share + DEAREST + 1e-6


@settings(max_examples=60, deadline=None)
@given(CANDIDATES, GAPS, PER_DAY)
def test_no_candidate_waits_longer_than_promised(
    drawn: list[tuple[int, float, float, bool, bool]], gaps: list[float], per_day: int
) -> None:
    """A pause of more than a day counts as a day, as daily runs are assumed."""
    candidates = make(drawn)
    costs = [one.cost for one in candidates]
    # An expensive look may exceed the budget, which is then paid back first.
    most = sum(costs) + max(costs) - min(costs)
    promised = promised_days(most, per_day) * HOURS_PER_DAY
    waited = dict.fromkeys((one.item for one in candidates), 0.0)
    before, hours = NOW, 0.0
    for now, *_, looks in runs(candidates, gaps, per_day):
        gap = min(now - before, HOURS_PER_DAY)
        before, hours = now, hours + gap
        waited = {key: waiting + gap for key, waiting in waited.items()}
        assert max(waited.values()) <= promised + gap + 1e-6
        waited |= dict.fromkeys((look.candidate.item for look in looks), 0.0)
        if hours > 2 * promised + HOURS_PER_DAY:
            return


@given(CANDIDATES, GAPS, PER_DAY)
def test_every_run_looks_at_fresh_emails_within_its_budget(
    drawn: list[tuple[int, float, float, bool, bool]], gaps: list[float], per_day: int
) -> None:
    """If the budget is too small for all of them, a message says so."""
    played = itertools.islice(runs(make(drawn), gaps, per_day), 20)
    for _, bucket, candidates, looks in played:
        fresh = {one.item for one in candidates if one.fresh}
        missed = fresh - {look.candidate.item for look in looks}
        needed = sum(one.cost for one in candidates if one.fresh)
        assert not missed or needed > bucket.likely
        assert bool(left_out(candidates, looks)) == bool(missed)


@given(CANDIDATES)
def test_without_a_limit_all_candidates_are_looked_at(
    drawn: list[tuple[int, float, float, bool, bool]],
) -> None:
    """Each candidate is looked at once, regardless of its cost."""
    candidates = make(drawn)
    assert [look.candidate for look in choose(candidates, None, NOW)] == candidates
    assert promised_days(cost(choose(candidates, None, NOW)), 0) == 0


def old(number: int, **values: Any) -> Candidate:
    """Return an email that is a year old and was looked at a day ago."""
    return replace(Candidate(str(number), COUNTERS, NOW - 24, NOW - 9_000), **values)


def test_a_daily_run_looks_at_five_thousand_activities() -> None:
    """This uses up the default budget; a second run has nothing left."""
    candidates = [old(number) for number in range(5_000)]
    played = runs(candidates, [24.0, 0.0], 500)
    assert [len(looks) for *_, looks in itertools.islice(played, 4)] == [
        5_000,
        0,
        5_000,
        0,
    ]


def test_consecutive_runs_share_the_budget_of_a_day() -> None:
    """First trials find new clicks immediately until it is used up."""
    candidates = [old(number) for number in range(100)]
    played = itertools.islice(runs(candidates, [0.0], 35), 5)
    assert [len(looks) for *_, looks in played] == [100, 100, 100, 50, 0]


@pytest.mark.parametrize(
    ("likelier", "other"),
    [
        ({"looked": NOW - 48}, {}),
        ({"moved": NOW - 100}, {}),
        ({}, {"cost": REQUEST}),
        ({"hinted": True}, {"looked": NOW - 5_000, "moved": NOW - 1}),
        ({"fresh": True}, {"hinted": True, "looked": NOW - 5_000}),
    ],
    ids=["waited longer", "moved later", "costs less", "was hinted", "is fresh"],
)
def test_likelier_changes_come_first(
    likelier: dict[str, Any], other: dict[str, Any]
) -> None:
    """Of two candidates, the budget covers one."""
    candidates = [old(1, **other), old(2, **likelier)]
    (look,) = choose(candidates, Bucket(0, COUNTERS, NOW), NOW)
    assert look == Look(candidates[1])


def test_an_uncounted_activity_costs_no_more_than_ten_quiet_ones() -> None:
    """Its looks cost ten times as much, so they are less frequent."""
    candidates = [old(0, cost=REQUEST), *(old(number) for number in range(1, 200))]
    spent = dict.fromkeys(range(200), 0)
    for *_, looks in itertools.islice(runs(candidates, [6.0], 10), 400):
        for look in looks:
            spent[int(look.candidate.item)] += look.candidate.cost
    assert 0 < spent[0] <= sum(sorted(spent.values())[:10])


def test_candidates_with_a_future_look_come_first() -> None:
    """A wrong clock hides no changes, and the bucket fills from now on."""
    candidates = [old(1), old(2, looked=NOW + 9_000)]
    (look,) = choose(candidates, Bucket(COUNTERS, 0, NOW), NOW)
    assert look.candidate.item == "2"
    bucket = Bucket(0, 0, NOW + 9_000).filled(48, NOW)
    assert bucket == Bucket(0, 0, NOW)
    assert bucket.filled(48, NOW + 1) == Bucket(REQUEST, REQUEST, NOW + 1)


def test_new_candidates_are_spread_over_the_promised_time() -> None:
    """Their place depends on the id only, and the hours are filled evenly."""
    hours = [spread(f"{number:08x}-0000", 10, NOW) for number in range(24_000)]
    assert hours == [spread(f"{number:08x}-0000", 10, NOW) for number in range(24_000)]
    assert NOW - 240 <= min(hours) <= max(hours) <= NOW
    counts = [hours.count(hour) for hour in set(hours)]
    assert max(counts) < 200
    assert spread("1", 0, NOW) == NOW


@pytest.mark.parametrize("status", ["Draft", "Scheduled", "Error", "Removed"])
def test_unsent_failed_and_removed_campaigns_are_at_rest(status: str) -> None:
    assert is_at_rest(status)
    assert not is_at_rest("Done")


def test_links_are_read_once_a_day_and_once_more_after_the_last_click() -> None:
    """There are clicks in every hour of two days, then none."""
    read: float | None = None
    readings = []
    clicked = False
    for hour in range(200):
        clicked = clicked or hour < 48
        if links_are_due(read, hour, clicked=clicked):
            readings.append(hour)
            read, clicked = hour, False
    assert readings == [0, 24, 48]

"""The budget for looks, as state keeps it."""

from __future__ import annotations

from typing import Any

from tap_cc_clicks.sync.looks import Looks
from tap_cc_clicks.sync.schedule import COUNTERS, REQUEST, Candidate, Look

HOUR = 498_746.5


def look(*, oldest: bool = False) -> Look:
    """Return a look at counters."""
    return Look(Candidate("a", COUNTERS, HOUR - 1, HOUR - 1_000), oldest=oldest)


def test_looks_are_charged_after_their_outcome_was_written() -> None:
    """To its half; the state of a killed run has the earlier ones."""
    state: dict[str, Any] = {}
    looks = Looks(48, state, HOUR)
    assert not state
    looks.note([look(), look(), look(oldest=True)])
    assert state["looks"] == [239_000, 238_000, HOUR * 3600]
    state["looks"] = [-500, 7_000, int((HOUR - 1) * 3600)]
    looks = Looks(48, state, HOUR)
    looks.note([look()])
    assert state["looks"] == [9_500, 16_000, HOUR * 3600]


def test_looks_without_a_limit_are_not_charged() -> None:
    """And the state keeps no level."""
    state: dict[str, Any] = {}
    looks = Looks(0, state, HOUR)
    looks.note([look()])
    assert looks.uncounted([look()], 1) == (look(),)
    assert not state


def test_failed_counters_are_charged_as_reports() -> None:
    """Ten times as much, up to a day's budget in a run."""
    looks = Looks(2, {}, HOUR)
    for _ in range(2):
        (dear,) = looks.uncounted([look(oldest=True)], 1)
        assert (dear.candidate.cost, dear.oldest) == (REQUEST, True)
    assert looks.uncounted([look()], 1) == ()

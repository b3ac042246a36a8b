"""The budget for looks, as stored in state."""

from __future__ import annotations

from typing import Any

from tap_cc_clicks.sync.looks import Looks
from tap_cc_clicks.sync.schedule import COUNTERS, REQUEST, Candidate, Look

HOUR = 498_746.5


def look(*, oldest: bool = False) -> Look:
    return Look(Candidate("a", COUNTERS, HOUR - 1, HOUR - 1_000), oldest=oldest)


def test_looks_are_charged_after_their_results_are_written() -> None:
    """Each half is charged separately; a killed run keeps the charges before."""
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
    """The state stores no level."""
    state: dict[str, Any] = {}
    looks = Looks(0, state, HOUR)
    looks.note([look()])
    assert looks.uncounted([look()], 1) == (look(),)
    assert not state


def test_reports_are_charged_if_counters_fail() -> None:
    """A report costs ten times as much, and a run spends at most a day's worth."""
    looks = Looks(2, {}, HOUR)
    for _ in range(2):
        (dear,) = looks.uncounted([look(oldest=True)], 1)
        assert (dear.candidate.cost, dear.oldest) == (REQUEST, True)
    assert looks.uncounted([look()], 1) == ()

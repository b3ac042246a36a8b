"""Which campaigns are looked up."""

from __future__ import annotations

import pytest

from tap_cc_clicks.api.timestamps import SECONDS_PER_HOUR
from tap_cc_clicks.events.bookmark import Search
from tap_cc_clicks.sync.lookups import Activity
from tap_cc_clicks.sync.schedule import Kind
from tests.agendas import HOUR, OLD, Known, ids, listed, summary


def test_a_missing_campaign_is_looked_up_on_schedule() -> None:
    """A look-up returned 404 for a campaign with known activities."""
    known = Known()
    known.add("a", looked=1)
    known.memory.remember("a", looked=int((HOUR - 48) * SECONDS_PER_HOUR))
    known.read("a")
    agenda = known.agenda()
    assert not agenda.changed
    kinds = [(one.kind, one.item) for one in agenda.candidates]
    assert kinds == [(Kind.LOOK_UP, "a"), (Kind.READ, "a")]
    known.there["a"]["current_status"] = "Removed"
    known.memory.remember("a", status="Removed")
    assert not known.agenda().candidates


@pytest.mark.parametrize(("hours", "pending"), [(OLD - 1, True), (OLD + 1, False)])
def test_a_send_after_the_last_change_is_looked_up_if_none_was_known(
    hours: float, *, pending: bool
) -> None:
    """The look-up had no summary, so the campaign may have been sent again since."""
    known = Known()
    known.add("a")
    known.read("a")
    agenda = known.agenda(a=summary(hours))
    assert not agenda.changed
    kinds = [(one.kind, one.item) for one in agenda.candidates]
    assert kinds == [(Kind.LOOK_UP, "a")] * pending + [(Kind.READ, "a")]
    (activity,) = (one for one in agenda.others if isinstance(one, Activity))
    assert ("sent" not in activity.campaign.after_look) == pending


def test_full_table_looks_up_and_reads_everything() -> None:
    """Nothing counts as a look, so nothing is charged."""
    known = Known(per_day=1, full=True, planner={"all_anew": True})
    known.add("a")
    known.add("gone")
    known.read("a")
    known.read("gone")
    del known.there["gone"]
    known.there["new"] = listed("new")
    known.there["draft"] = listed("draft", status="Draft")
    agenda = known.agenda()
    assert ids(agenda.new) == ["new"]
    assert ids(agenda.changed) == ["a"]
    assert ids(agenda.unread) == ["gone"]
    assert not agenda.candidates


def test_only_selected_campaigns_are_planned() -> None:
    """This holds for campaigns of the listing, of the summaries and of state."""
    known = Known(planner={"wanted": frozenset({"a", "new"})})
    for name in ("a", "b", "c"):
        known.add(name)
        known.read(name)
    known.there["b"] = listed("b", 1)
    agenda = known.agenda(new=summary(1), other=summary(1))
    assert set(agenda.campaigns) == {"a", "new"}
    assert ids(agenda.others) == ["a"]
    assert ids(agenda.new) == ["new"]
    assert not agenda.changed


def test_a_failed_look_up_waits_for_its_turn() -> None:
    """Meanwhile the known activities are still checked."""
    known = Known(planner={"is_turn": lambda _, item: item != "a"})
    known.add("a")
    known.read("a")
    known.there["a"] = listed("a", 1)
    agenda = known.agenda()
    assert not agenda.changed
    assert ids(agenda.fresh) == ["a"]


@pytest.mark.parametrize(("days", "kinds"), [(6, []), (8, [Kind.SEARCH])])
def test_missing_rows_of_a_removed_email_are_searched_once_a_week(
    days: int, kinds: list[Kind]
) -> None:
    """Nothing else is looked at; of a live email, it is once a day."""
    known = Known()
    known.add("a", status="Removed")
    known.memory.remember("a", status="Removed")
    known.read("a", clicks=3, search=Search(1, int(HOUR - 24 * days)))
    assert [one.kind for one in known.agenda().candidates] == kinds


@pytest.mark.parametrize(("days", "looks"), [(1, 1), (4, 0)])
def test_a_removed_report_that_was_missing_is_asked_for_again(
    days: int, looks: int
) -> None:
    """For three days after the removal, in case the answer (404) was wrong."""
    known = Known()
    known.add("a", hours=24 * days, status="Removed")
    known.memory.remember("a", status="Removed")
    known.read("a", clicks=None, rows=0)
    assert len(known.agenda().candidates) == looks


@pytest.mark.parametrize(("status", "pending"), [("Done", True), ("Removed", False)])
def test_unwritten_activities_are_looked_up(status: str, *, pending: bool) -> None:
    """Those of a removed campaign can no longer be."""
    known = Known()
    known.add("a", status=status)
    known.memory.remember("a", status=status, unwritten=True)
    known.read("a")
    assert ids(known.agenda().changed) == ["a"] * pending

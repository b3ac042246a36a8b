"""Which campaigns are looked up."""

from __future__ import annotations

import pytest

from tap_cc_clicks.api.timestamps import SECONDS_PER_HOUR
from tap_cc_clicks.sync.lookups import Activity
from tests.agendas import HOUR, OLD, Known, ids, listed, summary


def test_what_was_not_there_is_looked_up_by_the_schedule() -> None:
    """A look-up that was answered with 404, of a campaign with known activities."""
    known = Known()
    known.add("a", looked=1)
    known.memory.remember("a", looked=int((HOUR - 48) * SECONDS_PER_HOUR))
    known.read("a")
    agenda = known.agenda()
    assert not agenda.changed
    assert sorted(one.key for one in agenda.candidates) == ["a", "look up a"]
    known.there["a"]["current_status"] = "Removed"
    known.memory.remember("a", status="Removed")
    assert not known.agenda().candidates


@pytest.mark.parametrize(("hours", "pending"), [(OLD - 1, True), (OLD + 1, False)])
def test_a_send_after_the_last_change_is_looked_up_if_none_was_known(
    hours: float, *, pending: bool
) -> None:
    """No summary came when it was looked up: it may have been sent once more since."""
    known = Known()
    known.add("a")
    known.read("a")
    agenda = known.agenda(a=summary(hours))
    assert not agenda.changed
    keys = [one.key for one in agenda.candidates]
    assert keys == (["look up a"] * pending) + ["a"]
    (activity,) = (one for one in agenda.others if isinstance(one, Activity))
    assert ("sent" not in activity.campaign.after_look) == pending


def test_full_table_looks_everything_up_and_reads_all() -> None:
    """Nothing of it is a look, so nothing is charged."""
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


def test_only_campaigns_that_are_wanted_are_there() -> None:
    """Whichever report finds them."""
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


def test_a_look_up_that_failed_waits_for_its_turn() -> None:
    """Its activities are looked at meanwhile, as they were known."""
    known = Known(planner={"is_turn": lambda _, item: item != "a"})
    known.add("a")
    known.read("a")
    known.there["a"] = listed("a", 1)
    agenda = known.agenda()
    assert not agenda.changed
    assert ids(agenda.fresh) == ["a"]

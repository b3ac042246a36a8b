"""What a run is to do, as listing, summaries and state have it."""

from __future__ import annotations

from typing import Any

import pytest

from tap_cc_clicks.events.bookmark import Search
from tap_cc_clicks.sync.looks import Looks
from tap_cc_clicks.sync.lookups import Activity, Campaign
from tap_cc_clicks.sync.schedule import COUNTERS, REQUEST
from tests.agendas import HOUR, OLD, Known, ago, ids, listed, summary


def test_new_changed_and_unread_items_are_not_charged() -> None:
    """They come first, in this order."""
    known = Known(per_day=1)
    known.there["new"] = listed("new", 1)
    known.there["draft"] = listed("draft", 1, "Draft")
    for name in ("changed", "removed", "unread", "quiet"):
        known.add(name)
    for name in ("changed", "removed", "quiet"):
        known.read(name)
    known.there["changed"] = listed("changed", 1)
    # It was Done when it was looked at last, which state leaves out.
    known.memory.remember("removed", sent=known_as(summary(500)))
    known.there["removed"] = listed("removed", status="Removed")
    agenda = known.agenda()
    assert ids(agenda.new) == ["new"]
    assert ids(agenda.changed) == ["changed", "removed"]
    assert ids(agenda.unread) == ["unread"]
    assert not agenda.unread[0].looks
    assert [one.key for one in agenda.candidates] == ["quiet"]
    assert ids(agenda.others) == ["quiet"]
    assert set(agenda.campaigns) == {*known.there}


def test_fresh_emails_come_before_others() -> None:
    """All of them get counters, as far as the budget goes."""
    known = Known()
    known.add("old")
    known.add("fresh", hours=71)
    known.add("gone")
    del known.there["gone"]
    for name in ("old", "fresh", "gone"):
        known.read(name, value=ago(OLD - 100))
    agenda = known.agenda()
    assert ids(agenda.fresh) == ["fresh"]
    assert ids(agenda.others) == ["old", "gone"]
    for one in (*agenda.fresh, *agenda.others):
        assert isinstance(one, Activity)
        assert one.counted
        assert [look.candidate.cost for look in one.looks] == [COUNTERS]
    assert agenda.fresh[0].looks[0].candidate.fresh
    # Its newest click moved it last.
    (candidate,) = (one for one in agenda.candidates if one.key == "old")
    assert candidate.moved == pytest.approx(HOUR - OLD + 100, abs=1)


@pytest.mark.parametrize("status", ["Error", "Removed", "Draft", "Scheduled"])
def test_campaigns_at_rest_are_looked_at_only_after_a_hint(status: str) -> None:
    """Until then, only reports that were never read are read."""
    known = Known()
    known.add("a", "b")
    known.read("a")
    known.memory.remember("ab", status=status, sent=known_as(summary(500)))
    known.there["ab"] = listed("ab", status=status)
    agenda = known.agenda(ab=summary(500))
    assert ids(agenda.unread) == ["b"]
    known.read("b")
    agenda = known.agenda(ab=summary(500))
    assert not agenda.unread
    assert not agenda.candidates
    agenda = known.agenda(ab=summary(500, clicks=2))
    assert ids(agenda.others) == ["a", "b"]
    assert all(one.hinted for one in agenda.candidates)


def known_as(told: dict[str, Any]) -> str | None:
    """Return what state remembers of a summary."""
    return Campaign("any", summary=told).summary_mark


def test_a_resent_campaign_is_looked_up() -> None:
    """Even if its record in the listing is the same."""
    known = Known()
    for name in ("a", "b"):
        known.add(name)
        known.read(name)
        known.memory.remember(name, sent=known_as(summary(500)))
    agenda = known.agenda(a=summary(90), b=summary(500, clicks=9))
    assert ids(agenda.changed) == ["a"]
    assert [(one.key, one.hinted) for one in agenda.candidates] == [("b", True)]


def test_first_looks_are_spread_over_days_and_charged() -> None:
    """An upgrade costs no more requests than any other day."""
    known = Known(per_day=1)
    names = [f"{number:04}" for number in range(200)]
    for name in names:
        known.add(name, looked=0)
        known.read(name)
    agenda = known.agenda()
    # 20 requests of one a day, twice.
    hours = sorted(HOUR - one.looked for one in agenda.candidates)
    assert 0 <= hours[0] < 100
    assert 860 < hours[-1] <= 960
    assert 380 < hours[100] < 580
    assert len(agenda.looks) == REQUEST
    assert not agenda.unread
    assert known.agenda().candidates == agenda.candidates
    known.looks.note(agenda.looks)
    assert known.state["looks"] == [0, 0, round(HOUR * 3600)]
    assert not known.agenda().looks


def test_a_campaign_without_activities_is_looked_up_by_the_schedule() -> None:
    """Nothing else might show that it has some now."""
    known = Known()
    known.add()
    agenda = known.agenda()
    (campaign,) = agenda.others
    assert isinstance(campaign, Campaign)
    (look,) = campaign.looks
    assert look.candidate.cost == REQUEST
    assert look.candidate.looked == pytest.approx(HOUR - 24, abs=0.1)
    assert not agenda.changed


def test_without_selected_reports_there_are_no_looks() -> None:
    """The listing shows which campaigns changed."""
    known = Known(planner={"reports": []})
    known.add("a")
    agenda = known.agenda()
    assert not agenda.others
    assert not agenda.candidates


def test_a_search_is_a_separate_look_at_the_same_activity() -> None:
    """Each is charged; a search costs all pages of the report."""
    known = Known()
    for name, hours in (("due", 25), ("not", 23)):
        known.add(name)
        search = Search(1, int(HOUR - hours))
        known.read(name, value=ago(OLD), clicks=701, search=search)
    agenda = known.agenda()
    due, other = agenda.others
    assert isinstance(due, Activity)
    assert isinstance(other, Activity)
    assert (due.activity_id, due.counted, due.search) == ("due", True, True)
    assert [look.candidate.cost for look in due.looks] == [COUNTERS, 2 * REQUEST]
    assert due.looks[1].candidate.looked == int(HOUR - 25)
    assert (other.activity_id, other.search, len(other.looks)) == ("not", False, 1)


def test_a_search_alone_requests_no_counters() -> None:
    """The budget may pay for the search and not for counters."""
    known = Known(per_day=2)
    known.add("a", looked=0)
    known.read("a", clicks=1, search=Search(1, int(HOUR - 100)))
    known.state["looks"] = [1000, 0, round(HOUR * 3600)]
    known.looks = Looks(2, known.state, HOUR)
    agenda = known.agenda()
    (activity,) = agenda.others
    assert isinstance(activity, Activity)
    assert len(agenda.candidates) == 2
    assert (activity.search, activity.counted) == (True, False)


def test_without_counters_a_look_reads_the_report() -> None:
    """One request for each link. In a request for counters it fills a free place."""
    known = Known()
    for number in range(12):
        known.add(f"{number:02}")
        known.read(f"{number:02}", clicks=0 if number < 9 else None)
    agenda = known.agenda()
    costs = [one.cost for one in agenda.candidates]
    assert costs == 9 * [COUNTERS] + 3 * [REQUEST]
    counted = [one.counted for one in agenda.others if isinstance(one, Activity)]
    assert counted == 10 * [True] + 2 * [False]


def test_each_filtered_link_has_its_own_looks() -> None:
    """An activity is unread until each link was read."""
    known = Known(config={"url_ids": ["1", "2"]})
    known.add("a")
    known.read("a", "1", clicks=None)
    assert ids(known.agenda().unread) == ["a"]
    known.read("a", "2", clicks=None)
    agenda = known.agenda()
    assert not agenda.unread
    assert [one.cost for one in agenda.candidates] == [2 * REQUEST]


def test_doubtful_reports_are_read_again() -> None:
    """Whatever the counters; this is not a look."""
    known = Known()
    known.add("a")
    known.read("a", doubt=True)
    agenda = known.agenda()
    assert ids(agenda.unread) == ["a"]
    assert not agenda.candidates

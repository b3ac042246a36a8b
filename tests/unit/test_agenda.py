"""What a run plans, given the listing, summaries and state."""

from __future__ import annotations

from typing import Any

import pytest

from tap_cc_clicks.api.timestamps import SECONDS_PER_HOUR
from tap_cc_clicks.events.bookmark import Bookmark, Search
from tap_cc_clicks.events.declaration import CLICKS, OPENS
from tap_cc_clicks.settings import Settings
from tap_cc_clicks.sync.bookmarks import Bookmarks
from tap_cc_clicks.sync.event_reports import Events
from tap_cc_clicks.sync.further import FurtherEvents
from tap_cc_clicks.sync.looks import Looks
from tap_cc_clicks.sync.lookups import Activity, Campaign
from tap_cc_clicks.sync.schedule import COUNTERS, REQUEST
from tests.agendas import HOUR, OLD, Known, ago, ids, listed, summary


def test_new_changed_and_unread_items_are_not_looks() -> None:
    """They come first, in this order, and are not charged."""
    known = Known(per_day=1)
    known.there["new"] = listed("new", 1)
    known.there["draft"] = listed("draft", 1, "Draft")
    for name in ("changed", "removed", "unread", "quiet"):
        known.add(name)
    for name in ("changed", "removed", "quiet"):
        known.read(name)
    known.there["changed"] = listed("changed", 1)
    # Its last known status was Done, which state leaves out.
    known.memory.remember("removed", sent=summary_mark(summary(500)))
    known.there["removed"] = listed("removed", status="Removed")
    agenda = known.agenda()
    assert ids(agenda.new) == ["new"]
    assert ids(agenda.changed) == ["changed", "removed"]
    assert ids(agenda.unread) == ["unread"]
    assert not agenda.unread[0].looks
    assert [one.item for one in agenda.candidates] == ["quiet"]
    assert ids(agenda.others) == ["quiet"]
    assert set(agenda.campaigns) == {*known.there}


def test_recent_emails_come_first() -> None:
    """Each is checked with its counters while the budget lasts."""
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
    (candidate,) = (one for one in agenda.candidates if one.item == "old")
    assert candidate.moved == pytest.approx(HOUR - OLD + 100, abs=1)


@pytest.mark.parametrize("status", ["Error", "Removed", "Draft", "Scheduled"])
def test_inactive_campaigns_are_checked_only_on_a_hint(status: str) -> None:
    """Until then, only their unread activities are read."""
    known = Known()
    known.add("a", "b")
    known.read("a")
    known.memory.remember("ab", status=status, sent=summary_mark(summary(500)))
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


def summary_mark(summary: dict[str, Any]) -> str | None:
    """Return what state remembers of a summary."""
    return Campaign("any", summary=summary).summary_mark


def test_a_resent_campaign_is_looked_up() -> None:
    """It is looked up even if its record in the listing is unchanged."""
    known = Known()
    for name in ("a", "b"):
        known.add(name)
        known.read(name)
        known.memory.remember(name, sent=summary_mark(summary(500)))
    agenda = known.agenda(a=summary(90), b=summary(500, clicks=9))
    assert ids(agenda.changed) == ["a"]
    assert [(one.item, one.hinted) for one in agenda.candidates] == [("b", True)]


def test_first_looks_are_spread_and_charged() -> None:
    """After an upgrade, a run sends no more requests than on any other day."""
    known = Known(per_day=1)
    names = [f"{number:04}" for number in range(200)]
    for name in names:
        known.add(name, looked=0)
        known.read(name)
    agenda = known.agenda()
    # 20 requests at one a day take 20 days; looks are spread over twice that.
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


def test_looking_up_a_campaign_without_activities_is_a_look() -> None:
    """Nothing else may show that it has activities now."""
    known = Known()
    known.add()
    agenda = known.agenda()
    (campaign,) = agenda.others
    assert isinstance(campaign, Campaign)
    (look,) = campaign.looks
    assert look.candidate.cost == REQUEST
    assert look.candidate.looked == pytest.approx(HOUR - 24, abs=0.1)
    assert not agenda.changed


def test_without_reports_nothing_is_looked_at() -> None:
    """The listing alone shows which campaigns changed."""
    known = Known(planner={"reports": []})
    known.add("a")
    agenda = known.agenda()
    assert not agenda.others
    assert not agenda.candidates


def test_a_search_is_a_separate_look_at_its_activity() -> None:
    """Both looks are charged; a search costs all pages of the report."""
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
    costs = [look.candidate.cost for look in due.looks]
    assert costs == [COUNTERS, 2 * REQUEST + COUNTERS]
    assert due.looks[1].candidate.looked == int(HOUR - 25)
    assert (other.activity_id, other.search, len(other.looks)) == ("not", False, 1)


def test_a_search_asks_for_counters() -> None:
    """Even alone: without counters, it would not know what to search for."""
    known = Known(per_day=2)
    known.add("a", looked=0)
    known.read("a", clicks=1, search=Search(1, int(HOUR - 100)))
    known.state["looks"] = [1000, 0, round(HOUR * 3600)]
    known.looks = Looks(2, known.state, HOUR)
    agenda = known.agenda()
    (activity,) = agenda.others
    assert isinstance(activity, Activity)
    assert len(agenda.candidates) == 2
    assert (activity.search, activity.counted) == (True, True)


def test_without_counters_the_report_is_the_look() -> None:
    """Its counters are requested too where a batch of ten has a free place."""
    known = Known()
    for number in range(12):
        known.add(f"{number:02}")
        known.read(f"{number:02}", clicks=0 if number < 9 else None)
    agenda = known.agenda()
    costs = [one.cost for one in agenda.candidates]
    assert costs == 9 * [COUNTERS] + 3 * [REQUEST]
    counted = [one.counted for one in agenda.others if isinstance(one, Activity)]
    assert counted == 10 * [True] + 2 * [False]


@pytest.mark.parametrize(("days", "period"), [(1, 1), (30, 7)])
def test_what_has_no_counters_is_counted_again(days: int, period: int) -> None:
    """Once a day if it is fresh, later once a week, although no place is free."""
    known = Known()
    known.add("a", hours=24 * days)
    known.read("a", clicks=None)
    counted = 0
    for hour in range(0, 24 * period, 6):
        known.looks = Looks(0, known.state, HOUR + hour)
        agenda = known.agenda()
        (activity,) = agenda.fresh or agenda.others
        assert isinstance(activity, Activity)
        counted += activity.counted
        known.memory.note_look("a", int((HOUR + hour) * SECONDS_PER_HOUR))
    assert counted in {1, 2}


def test_a_report_without_a_counter_is_read_beside_the_counters() -> None:
    """Another report of the activity has one."""
    known = Known()
    known.add("a")
    known.read("a", clicks=3)
    opens = Bookmarks({})
    opens.move({"campaign_activity_id": "a"}, Bookmark(rows=1))
    settings = Settings()
    known.planner["reports"] = [
        Events(CLICKS, settings, known.bookmarks, reads_all=False),
        FurtherEvents(OPENS, settings, opens, reads_all=False),
    ]
    agenda = known.agenda()
    (activity,) = agenda.others
    assert isinstance(activity, Activity)
    assert [one.cost for one in agenda.candidates] == [REQUEST + COUNTERS]
    assert activity.counted


def test_only_the_configured_links_are_looked_at() -> None:
    """An activity is unread until each of these links was read."""
    known = Known(config={"url_ids": ["1", "2"]})
    known.add("a")
    known.read("a", "1", clicks=None)
    assert ids(known.agenda().unread) == ["a"]
    known.read("a", "2", clicks=None)
    agenda = known.agenda()
    assert not agenda.unread
    assert [one.cost for one in agenda.candidates] == [2 * REQUEST]


def test_a_doubtful_report_is_read_again() -> None:
    """It is read regardless of its counters, and not as a look."""
    known = Known()
    known.add("a")
    known.read("a", doubt=True)
    agenda = known.agenda()
    assert ids(agenda.unread) == ["a"]
    assert not agenda.candidates

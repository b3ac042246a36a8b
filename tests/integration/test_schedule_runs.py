"""Requests and clicks of runs under the schedule of looks, over simulated days."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from functools import partialmethod
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.api.service import Service
from tap_cc_clicks.events.declaration import EVENT_REPORTS
from tap_cc_clicks.sandbox import Account, Sandbox
from tests.support import Output, clicks, clock, everything, rows, run_tap, select

if TYPE_CHECKING:
    from collections import Counter

LISTS = {"campaigns": 1, "summaries": 1}
CLICKS = select("email_clicks")
LINKS = select("email_clicks", "email_links")
DETAILS = "campaign_activity_details"


class Runs:
    """Consecutive runs at the account's time.

    Args:
        account: The account.
        catalog: The catalog of all runs.
        settings: The settings of all runs.

    Attributes:
        state: The last state.
        loaded: The loaded clicks by key.
    """

    def __init__(
        self, account: Account, catalog: dict[str, Any] | None = None, **settings: Any
    ) -> None:
        """Start with an empty state."""
        self.account = account
        self.catalog = catalog
        self.settings = settings
        self.state: dict[str, Any] = {}
        self.loaded: dict[str, dict[str, Any]] = {}
        self.uncounted: set[str] = set()
        self.output = Output()

    def run(self) -> Counter[str]:
        """Run once, and return the requests by endpoint."""
        wrong_by = self.account.now.timestamp() - time.time()
        with Sandbox(self.account) as sandbox, clock(lambda: wrong_by):
            sandbox.api.uncounted |= self.uncounted
            self.output = run_tap(sandbox, self.state, self.catalog, **self.settings)
        self.state = self.output.state
        self.loaded.update(clicks(self.output))
        return sandbox.log.counts()

    def read(self) -> set[str]:
        """Return the activities whose reports were read."""
        kept = self.state["bookmarks"]["email_clicks"]["partitions"]
        return {one["context"]["campaign_activity_id"] for one in kept}

    def is_complete(self) -> bool:
        """Return whether all clicks were loaded, and no others."""
        return rows(self.loaded.values()) == rows(self.account.rows())


def account_of(emails: int, status: str = "Done", *, days: int = 30) -> Account:
    """Return an account of emails sent days ago, one a minute, each clicked once."""
    account = Account()
    for number in range(emails):
        sent = account.now - timedelta(days=days, minutes=emails - number)
        campaign = account.add_campaign(status, sent=sent, roles=("primary_email",))
        account.add_click(campaign.activities[0], sent)
    return account


def test_failed_campaigns_cost_nothing_once_they_were_read() -> None:
    """Used to cost two requests each in every run."""
    runs = Runs(account_of(150, "Error"))
    runs.uncounted = set(runs.account.activities)
    assert runs.run()["clicks"] == 150
    assert runs.is_complete()
    for _ in range(2):
        runs.account.advance(days=1)
        assert runs.run() == LISTS


def test_an_email_without_counters_costs_no_more_than_ten_with() -> None:
    """Its report is read instead; its counters are requested once a week."""
    quiet, uncounted = Runs(account_of(10)), Runs(account_of(1))
    uncounted.uncounted = set(uncounted.account.activities)
    asked: list[list[int]] = [[], []]
    for _ in range(7):
        for runs, counts in zip((quiet, uncounted), asked, strict=True):
            counts.append(runs.run().total())
            runs.account.advance(hours=6)
    assert asked[0][2:] == [len(LISTS) + 1] * 5
    assert sum(asked[1][2:]) - sum(asked[0][2:]) in {0, 1}


def test_a_budget_of_fifty_loads_clicks_of_the_newest_emails() -> None:
    """Used to load none: campaigns, counters, details and links came first."""
    runs = Runs(account_of(60), max_requests=50)
    newest = list(runs.account.activities)[::-1]
    assert runs.run().total() == 50
    assert len(runs.read()) >= 15
    assert runs.read() <= set(newest[:30])
    spent = 50
    while len(runs.read()) < 60:
        spent += runs.run().total()
    assert runs.is_complete()
    assert spent <= 60 * 2 + 5 * len(LISTS) + 50
    assert not runs.state["bookmarks"][DETAILS].get("clicks")


def test_reports_take_turns_where_a_budget_is_too_small() -> None:
    """Reports without counters are read again with each look; others must have room."""
    runs = Runs(account_of(10), everything(), max_requests=25)
    runs.uncounted = set(runs.account.activities)
    for _ in range(20):
        runs.run()
        runs.account.advance(hours=6)
    read = {
        stream
        for stream, bookmark in runs.state["bookmarks"].items()
        if len(bookmark.get("read", ())) == 10
    }
    further = {one.stream for one in EVENT_REPORTS} - {"email_clicks"}
    assert read == further


def test_links_are_read_once_a_day_and_once_more_after_all_clicks() -> None:
    """Regardless of the number of runs and clicks."""
    runs = Runs(account_of(1, days=1), LINKS)
    (activity,) = runs.account.clickable()
    asked, links = {0: runs.run()["links"]}, runs.output.records("email_links")
    for hour in range(4, 80, 4):
        runs.account.advance(hours=4)
        if hour < 45:
            runs.account.add_click(activity)
        asked[hour] = runs.run()["links"]
        links = runs.output.records("email_links") or links
    assert {hour for hour, count in asked.items() if count} == {0, 24, 48}
    anew = Runs(runs.account, LINKS)
    anew.run()
    assert links == anew.output.records("email_links")


def test_a_resend_that_changes_no_date_of_the_campaign_is_found() -> None:
    """By the last send date in the summaries."""
    runs = Runs(account_of(5))
    runs.run()
    runs.account.advance(hours=6)
    campaign = next(iter(runs.account.campaigns.values()))
    before = campaign.updated_at
    runs.account.add_click(runs.account.resend(campaign))
    campaign.updated_at = before
    counts = runs.run()
    assert runs.is_complete()
    assert counts["campaign"] == 1
    assert counts["clicks"] == 1
    runs.account.advance(hours=6)
    assert "campaign" not in runs.run()


def test_a_campaign_on_an_unread_page_of_the_listing_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was changed long ago and sent now; the summaries list it."""
    monkeypatch.setattr(Service, "campaigns", partialmethod(Service.campaigns, limit=4))
    runs = Runs(account_of(12), CLICKS)
    assert runs.run()["campaigns"] == 3
    runs.account.advance(hours=1)
    assert runs.run()["campaigns"] == 1
    old = runs.account.now - timedelta(days=90)
    campaign = runs.account.add_campaign(updated_at=old)
    runs.account.add_click(campaign.activities[0])
    counts = runs.run()
    assert runs.is_complete()
    assert (counts["campaigns"], counts["campaign"]) == (4, 1)
    assert runs.run()["campaigns"] == 1


def of_version_1(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state as version 1 kept it: ids of activities, and no timestamps."""
    bookmarks = json.loads(json.dumps(state["bookmarks"]))
    known = bookmarks["campaign_activities"]["campaigns"]
    kept = {
        name: {
            "updated_at": one["updated_at"],
            "activities": [item[0] for item in one["activities"]],
        }
        for name, one in known.items()
    }
    links = {
        name: entry[0] for name, entry in bookmarks["email_links"]["clicks"].items()
    }
    return {
        "version": 1,
        "bookmarks": {
            "campaigns": bookmarks["campaigns"],
            "campaign_activities": {"campaigns": kept},
            "email_clicks": bookmarks["email_clicks"],
            "email_links": {"clicks": links},
        },
    }


def test_a_state_of_version_1_causes_no_rereads() -> None:
    """Looks are spread over days, and count against the budget."""
    most = 2
    runs = Runs(account_of(60), look_requests_per_day=most)
    runs.catalog = select(
        "campaigns", "campaign_activities", "email_clicks", "email_links"
    )
    runs.run()
    runs.state = of_version_1(runs.state)
    looked, days = 0, 2 * 6 // most + 1
    for _ in range(days):
        runs.account.advance(days=1)
        counts = runs.run()
        assert set(counts) <= {*LISTS, "stats"}
        assert counts["stats"] <= most
        looked += counts["stats"]
        assert not clicks(runs.output)
    assert looked >= 60 // 10
    for activity in runs.account.clickable():
        runs.account.add_click(activity)
    for _ in range(days):
        runs.account.advance(days=1)
        runs.run()
    assert runs.is_complete()


@pytest.mark.parametrize(
    ("stream", "endpoint"),
    [("email_clicks", "clicks"), ("email_links", "links"), (DETAILS, "activity")],
)
def test_only_a_stream_without_its_bookmark_is_read_again(
    stream: str, endpoint: str
) -> None:
    """Regardless of the schedule's memory and budget."""
    catalog = select("campaign_activities", "email_clicks", "email_links", DETAILS)
    runs = Runs(account_of(12), catalog, look_requests_per_day=1)
    first = runs.run()
    records = runs.output.records(stream)
    runs.account.advance(hours=1)
    runs.run()
    del runs.state["bookmarks"][stream]
    counts = runs.run()
    assert counts[endpoint] == first[endpoint] == 12
    assert set(counts) - {"stats"} == {*LISTS, endpoint}
    key = json.dumps
    assert sorted(map(key, runs.output.records(stream))) == sorted(map(key, records))
    assert endpoint not in runs.run()


def test_few_looks_find_every_click_within_the_promised_days() -> None:
    """2 C / R days plus a run; fresh emails are looked at in each run."""
    runs = Runs(account_of(60), CLICKS, look_requests_per_day=4)
    runs.run()
    runs.account.advance(days=1)
    new = runs.account.add_campaign(roles=("primary_email",)).activities[0]
    runs.run()
    for activity in runs.account.clickable():
        runs.account.add_click(activity)
    runs.account.advance(hours=6)
    runs.run()
    fresh = {one["campaign_activity_id"] for one in runs.loaded.values()}
    assert new.campaign_activity_id in fresh
    # C is 6.1 requests.
    for _ in range(4):
        assert not runs.is_complete()
        runs.account.advance(days=1)
        assert runs.run()["stats"] <= 4 + 1
        if runs.is_complete():
            break
    assert runs.is_complete()

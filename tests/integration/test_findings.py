"""Findings that degrade a run are logged once, and again when they change."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tap_cc_clicks.events.declaration import CLICKS, EVENT_REPORTS
from tap_cc_clicks.sandbox import Account, Sandbox, generate
from tap_cc_clicks.sandbox.dialects import DIALECTS
from tap_cc_clicks.streams import STREAMS
from tap_cc_clicks.sync.findings import MOST_REMEMBERED, SENTENCES, tell
from tests.support import clicks, clock, rows, run_tap, select

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600
# Without other events than clicks, the simulator counts some that do not exist.
OTHERS = {report.stream for report in EVENT_REPORTS} - {CLICKS.stream}
CATALOG = select(*(one.name for one in STREAMS if one.name not in OTHERS))
Lines = list[tuple[str, str]]


def found(log: pytest.LogCaptureFixture) -> Lines:
    """Return the levels and lines of findings since the last call."""
    starts = tuple(sentence.partition(":")[0] for sentence in SENTENCES.values())
    told = [one for one in log.records if one.message.startswith(starts)]
    log.clear()
    return [(one.levelname, one.message) for one in told]


def logged_by_runs(
    sandbox: Sandbox, log: pytest.LogCaptureFixture, hours: list[int]
) -> list[Lines]:
    """Return the findings that successive runs at these hours log."""
    log.set_level(logging.INFO)
    state, told = None, []
    for passed in hours:
        with clock(partial(float, passed * HOUR)):
            state = run_tap(sandbox, state, CATALOG).state
        told.append(found(log))
    return told


@pytest.fixture
def small() -> Account:
    """Return an account with three older emails of three clicks each."""
    account = Account()
    for _ in range(3):
        activity = account.add_campaign().activities[0]
        for _ in range(3):
            account.add_click(activity)
    return account


def test_documented_responses_are_not_reported(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """State has no findings either."""
    assert logged_by_runs(sandbox, caplog, [0, 30, 60]) == [[], [], []]
    assert "told" not in run_tap(sandbox).state["bookmarks"]["campaign_activities"]


def test_missing_counters_are_reported_once(
    small: Account, caplog: pytest.LogCaptureFixture
) -> None:
    """Activities are counted, but not today's, whose counters may lag."""
    small.add_campaign(sent=datetime.now(UTC))
    with Sandbox(small, dialect="none-counted") as sandbox:
        first, second = logged_by_runs(sandbox, caplog, [0, 0])
        late = logged_by_runs(sandbox, caplog, [48])[0]
    assert [level for level, _ in first] == ["WARNING"]
    assert ": 3 without counters. A look at one of them costs" in first[0][1]
    assert not second
    assert ": 4 without counters. " in late[0][1]


def test_uncounted_rows_are_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Rows have a day to be counted first."""
    account = generate(campaigns=4, clicks=60)
    with Sandbox(account, dialect="some-never-counted") as sandbox:
        first, second, third = logged_by_runs(sandbox, caplog, [0, 1, 2])
    assert [level for level, _ in second] == ["WARNING"]
    assert "more rows than the service counts: 4 of email_clicks. " in second[0][1]
    assert not first
    assert not third


def test_counts_without_rows_are_reported_once(
    small: Account, caplog: pytest.LogCaptureFixture
) -> None:
    """They are reported after a second search in vain."""
    small.clickable()[0].count_offset = 2
    with Sandbox(small) as sandbox:
        told = logged_by_runs(sandbox, caplog, [0, 1, 26, 27, 28])
    assert [len(one) for one in told] == [0, 0, 0, 1, 0]
    assert "fewer rows than the service counts: 1 of email_clicks. " in told[3][0][1]


def change_rows(
    monkeypatch: pytest.MonkeyPatch, place: str, change: Callable[[Any], Any]
) -> None:
    """Change each row of an array in the API's responses."""

    def differ(_: str, body: dict[str, Any]) -> None:
        for row in body.get(place, ()):
            change(row)

    monkeypatch.setitem(DIALECTS, "reference", (differ,))


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("campaigns", "campaigns.channel"),
        ("campaign_activities", "campaign_activities.channel"),
        ("results", "campaign_activity_stats.channel"),
        ("link_click_counts", "email_links.channel"),
        ("tracking_activities", "email_clicks.channel"),
    ],
)
def test_an_unknown_property_is_reported_once(
    small: Account,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    name: str,
) -> None:
    """The line has its name, unless that may be personal data."""
    change_rows(monkeypatch, place, lambda row: row.update({"channel": 1, "a@b": 2}))
    with Sandbox(small) as sandbox:
        first, second = logged_by_runs(sandbox, caplog, [0, 0])
    stream = name.partition(".")[0]
    assert [level for level, _ in first] == ["INFO"]
    assert f"does not know: {name}, {stream}.…. They cost nothing" in first[0][1]
    assert not second


def test_a_missing_required_property_is_reported_once(
    small: Account, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its column stays empty."""
    change_rows(monkeypatch, "tracking_activities", lambda row: row.pop("url_id"))
    with Sandbox(small) as sandbox:
        first, second = logged_by_runs(sandbox, caplog, [0, 0])
    assert [level for level, _ in first] == ["WARNING"]
    assert "stay empty there: email_clicks.url_id. " in first[0][1]
    assert not second


def test_unreadable_counters_are_reported_once(
    small: Account, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line has the cost, another one the column."""
    change_rows(
        monkeypatch, "results", lambda row: row["stats"].update(em_clicks_all="many")
    )
    with Sandbox(small) as sandbox:
        first, second = logged_by_runs(sandbox, caplog, [0, 0])
    assert ": 3 without em_clicks_all. A look at one of them costs" in first[0][1]
    assert first[1][1].endswith(": 3 of campaign_activity_stats.em_clicks_all")
    assert not second


def test_a_counter_of_0_is_trusted_once_the_report_was_read(small: Account) -> None:
    """Clicks that are never counted are loaded, and cost later runs no request."""
    uncounted = small.clickable()[0]
    uncounted.count_offset = -3
    with Sandbox(small) as sandbox:
        first = run_tap(sandbox)
        sandbox.log.clear()
        run_tap(sandbox, first.state)
        assert not sandbox.log.counts()["clicks"]
        assert rows(clicks(first).values()) == rows(small.rows())


def test_a_counter_of_0_trusted_by_an_older_state_stays_trusted(
    small: Account,
) -> None:
    """An upgrade costs no requests for emails without clicks."""
    quiet = small.add_campaign().activities[0].campaign_activity_id
    with Sandbox(small) as sandbox:
        state = run_tap(sandbox, catalog=CATALOG).state
        partitions = state["bookmarks"]["email_clicks"]["partitions"]
        bookmark = next(
            one for one in partitions if one["context"]["campaign_activity_id"] == quiet
        )
        assert bookmark == {"context": {"campaign_activity_id": quiet}, "clicks": 0}
        sandbox.log.clear()
        run_tap(sandbox, state, CATALOG)
        assert not sandbox.log.counts()["clicks"]


def test_a_new_part_is_reported_and_a_new_count_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The line lists all current parts."""
    state: dict[str, Any] = {}
    told = []
    for counts in ({"a": 1}, {"a": 5}, {"b": 2}, {"a": 5, "b": 1}, {"a": 1, "c": 1}):
        keyed = {("values", part): times for part, times in counts.items()}
        tell(keyed, state, logging.getLogger("tap-cc-clicks"))
        told.append([line.rpartition(": ")[2] for _, line in found(caplog)])
    assert told == [["1 a"], [], ["2 b"], [], ["1 a, 1 c"]]


def test_remembered_findings_are_limited(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A service with ever new findings cannot fill the state."""
    state: dict[str, Any] = {}
    counts = {("unknown", f"a.b{n}"): 0 for n in range(3 * MOST_REMEMBERED)}
    tell(counts, state, logging.getLogger("tap-cc-clicks"))
    assert len(msgspec.json.encode(state)) < 50 * MOST_REMEMBERED
    assert all(len(one.message) < 500 for one in caplog.records)

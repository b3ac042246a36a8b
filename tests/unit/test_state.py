"""Which states are accepted, and what is kept in them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.api.wire import Counters
from tap_cc_clicks.events.bookmark import Bookmark, Search
from tap_cc_clicks.sync.bookmarks import Bookmarks
from tap_cc_clicks.sync.lookups import Activity, Campaign
from tap_cc_clicks.sync.memory import (
    ASKED,
    DETAILS,
    DUE,
    HISTORY,
    NEVER_ASKED,
    CampaignMemory,
)
from tap_cc_clicks.sync.single_reports import Links
from tap_cc_clicks.sync.state_format import UNKNOWN_STATUS, load

STREAMS = ["campaigns", "campaign_activities", "email_clicks", "email_links"]


TIMESTAMP = "2026-01-31T08:00:00.000Z"


VERSION_1: dict[str, Any] = {
    "version": 1,
    "bookmarks": {
        "campaigns": {
            "replication_key": "updated_at",
            "replication_key_value": TIMESTAMP,
        },
        "campaign_activities": {
            "campaigns": {"c": {"updated_at": TIMESTAMP, "activities": ["a"]}}
        },
        "email_links": {"clicks": {"a": 3}},
        "email_clicks": {
            "replication_key": "created_time",
            "partitions": [
                {
                    "context": {"campaign_activity_id": "a"},
                    "replication_key_value": TIMESTAMP,
                    "clicks": 3,
                    "rows": 2,
                    "window": 2,
                    "lookback": 48,
                    "search": [1, 2, 1, 498746],
                },
                {"context": {"campaign_activity_id": "b"}, "clicks": 0},
            ],
        },
    },
}


def test_a_state_of_version_1_is_read() -> None:
    """All later versions must read it, so do not change it."""
    state: Any = load(deepcopy(VERSION_1), STREAMS)
    bookmarks = Bookmarks(state["bookmarks"]["email_clicks"])
    assert bookmarks.find({"campaign_activity_id": "a"}) == Bookmark(
        value=TIMESTAMP,
        clicks=3,
        rows=2,
        window=2,
        lookback=48,
        search=Search(1, 498746),
    )
    assert bookmarks.find({"campaign_activity_id": "b"}) == Bookmark(clicks=0)
    assert bookmarks.find({"campaign_activity_id": "c"}) is None
    memory = CampaignMemory(state["bookmarks"]["campaign_activities"])
    assert memory.find("c")["updated_at"] == TIMESTAMP
    assert memory.activities("c") == ["a"]
    assert memory.campaign_of("a") == "c"
    assert memory.fingerprint("a") is None
    assert memory.looked("a") == 0
    assert memory.asked("a", DETAILS) == NEVER_ASKED
    links = Links(
        "email_links", state["bookmarks"]["email_links"]["clicks"], int, 498746
    )
    activity = Activity(Campaign("c"), "a")
    assert not list(links.pending([activity], 498746))
    links.note(activity, Counters(4))
    assert list(links.pending([activity], 498746)) == [activity]


def test_a_state_of_version_0_1_0_is_read() -> None:
    """Fields of removed modes are dropped, and new fields get their defaults."""
    known = {
        "updated_at": TIMESTAMP,
        "activities": [["a", "1e19c23a"], "b"],
        "unfinished": {"updated_at": TIMESTAMP, "activities": [{"role": "resend"}]},
        "missed": 1,
        "status": "Removed",
        "check": "1e19c23a@498746",
    }
    state: Any = {
        "version": 2,
        "bookmarks": {"campaign_activities": {"campaigns": {"c": known}}},
    }
    stream_state = load(state, STREAMS)["bookmarks"]["campaign_activities"]
    memory = CampaignMemory(stream_state)
    assert memory.activities("c") == ["a", "b"]
    assert [memory.fingerprint(one) for one in "ab"] == ["1e19c23a", None]
    assert stream_state["campaigns"]["c"] == {
        "updated_at": TIMESTAMP,
        "activities": [["a", "1e19c23a", 0, NEVER_ASKED], ["b", None, 0, NEVER_ASKED]],
        "missed": 1,
        "status": "Removed",
    }
    assert memory.has(
        {"campaign_id": "c", "updated_at": TIMESTAMP, "current_status": "Removed"}
    )


def test_a_look_up_keeps_what_is_known_of_activities() -> None:
    """A change makes their details due again."""
    stream_state: dict[str, Any] = {}
    memory = CampaignMemory(stream_state)
    memory.remember("c", ["a", "b"], updated_at=TIMESTAMP, status="Error")
    memory.note_look("a", 1795608000)
    memory.note_fingerprint("a", "1e19c23a")
    memory.note_asked("a", DETAILS, ASKED)
    memory.note_asked("a", HISTORY, DUE)
    memory.note_asked("b", DETAILS, DUE)
    memory.remember("c", ["b", "a", "d"], status=None)
    memory.note_change("abd")
    assert stream_state["campaigns"]["c"] == {
        "updated_at": TIMESTAMP,
        "activities": [
            ["b", None, 0, DUE],
            ["a", "1e19c23a", 1795608000, NEVER_ASKED | DUE << 2],
            ["d", None, 0, NEVER_ASKED],
        ],
    }
    again = CampaignMemory(stream_state)
    assert again.looked("a") == 1795608000
    assert again.campaign_of("d") == "c"


@pytest.mark.parametrize(
    ("record", "known"),
    [
        ({}, True),
        ({"updated_at": "2026-02-01T00:00:00.000Z"}, False),
        ({"current_status": "Done"}, False),
        ({"campaign_id": "done", "current_status": "Removed"}, False),
        ({"campaign_id": "before", "current_status": "Removed"}, True),
        ({"campaign_id": "new"}, False),
        ({"campaign_id": "new", "current_status": "Draft"}, True),
    ],
    ids=[
        *("as it was", "changed", "restored", "removed", "of a version before"),
        *("new", "new, and never sent"),
    ],
)
def test_a_campaign_is_known_while_it_is_unchanged(
    record: dict[str, Any], *, known: bool
) -> None:
    """The time of its last change and its status are compared."""
    memory = CampaignMemory({})
    memory.remember("c", ["a"], updated_at=TIMESTAMP, status="Error")
    memory.remember("done", ["a"], updated_at=TIMESTAMP, sent="1795608000-1e19c23a")
    memory.remember("before", ["a"], updated_at=TIMESTAMP, status=UNKNOWN_STATUS)
    listed = {"campaign_id": "c", "updated_at": TIMESTAMP, "current_status": "Error"}
    assert memory.has({**listed, **record}) is known


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ([], "it is not an object with bookmarks"),
        ({"bookmarks": []}, "it is not an object with bookmarks"),
        ({"cursor": "abc"}, "it has no bookmarks"),
        ({"version": 3}, "written by a newer version of this tap"),
        ({"version": "x"}, "written by a newer version of this tap"),
        ({"bookmarks": {"orders": {}}}, "it holds streams of another tap: orders"),
        ({"bookmarks": {"campaigns": 1}}, "its bookmark of campaigns is not an object"),
        (
            {"bookmarks": {"email_clicks": {"partitions": {}}}},
            "Expected `array`, got `object`",
        ),
        (
            {"bookmarks": {"email_clicks": {"partitions": [1]}}},
            "Expected `object`, got `int` - at `$.partitions[0]`",
        ),
        (
            {"bookmarks": {"email_clicks": {"partitions": [{"context": {}}]}}},
            "missing required field `campaign_activity_id` - at `$.partitions[0].co",
        ),
        (
            {"bookmarks": {"campaigns": {"replication_key_value": "new"}}},
            "has a replication_key_value that is not a moment",
        ),
        (
            {
                "bookmarks": {
                    "email_clicks": {
                        "partitions": [
                            {
                                "context": {"campaign_activity_id": "a"},
                                "clicks": "many",
                            }
                        ]
                    }
                }
            },
            "Expected `int | null`, got `str` - at `$.partitions[0].clicks`",
        ),
        (
            {"bookmarks": {"campaign_activities": {"campaigns": {"a": 1}}}},
            "its bookmark of campaign_activities is none of this tap's: Expected",
        ),
        (
            {"bookmarks": {"campaign_activities": {"campaigns": {"a": {"sent": "x"}}}}},
            "matching regex",
        ),
        (
            {
                "bookmarks": {
                    "campaign_activities": {
                        "campaigns": {"a": {"activities": [["b", None, "soon", 0]]}}
                    }
                }
            },
            "Expected `int`, got `str` - at `$.campaigns[...].activities[0][2]`",
        ),
        ({"bookmarks": {"email_links": {"clicks": {"a": [3]}}}}, "of at least length"),
        ({"bookmarks": {"email_links": {"clicks": {"a": "x"}}}}, "got `str`"),
        ({"bookmarks": {"email_links": {"clicks": {"a": ["x", 1]}}}}, "got `str`"),
        (
            {"bookmarks": {"campaign_activities": {"looks": [1, 2]}}},
            "Expected `array` of length 3",
        ),
    ],
)
def test_an_invalid_state_is_refused(state: Any, reason: str) -> None:
    """Ignoring it would load everything again."""
    with pytest.raises(InputError) as error:
        load(state, STREAMS)
    assert reason in str(error.value)


@pytest.mark.parametrize("state", [{}, {"bookmarks": {}}, {"version": 1}])
def test_an_empty_state_is_a_first_run(state: dict[str, Any]) -> None:
    """Meltano may pass such states."""
    assert load(state, STREAMS) == state


def test_campaigns_without_activities_in_version_1_are_looked_up_again() -> None:
    """Version 1 gave them up; other campaigns are unchanged."""
    gone = {"updated_at": TIMESTAMP, "activities": []}
    known = {"updated_at": TIMESTAMP, "activities": ["a"]}
    campaigns = {"b": gone, "c": known}
    for version, left in ((1, ["c"]), (2, ["b", "c"])):
        stream = {"campaigns": dict(campaigns)}
        state = {"version": version, "bookmarks": {"campaign_activities": stream}}
        memory = CampaignMemory(
            load(state, STREAMS)["bookmarks"]["campaign_activities"]
        )
        assert list(memory) == left


@pytest.mark.parametrize("turned", [False, True])
def test_the_older_of_two_bookmarks_counts(turned: bool) -> None:  # noqa: FBT001
    """Their order makes no difference."""
    both = [
        {"context": {"campaign_activity_id": "a"}, "replication_key_value": timestamp}
        for timestamp in (TIMESTAMP, "2026-01-30T00:00:00.000Z")
    ]
    state: Any = {
        "bookmarks": {"email_clicks": {"partitions": both[:: -1 if turned else 1]}}
    }
    bookmarks = Bookmarks(state["bookmarks"]["email_clicks"])
    found = bookmarks.find({"campaign_activity_id": "a"})
    assert found is not None
    assert found.value == "2026-01-30T00:00:00.000Z"
    assert len(state["bookmarks"]["email_clicks"]["partitions"]) == 1


def test_moving_a_bookmark_changes_the_state_in_place() -> None:
    """Each activity and each link has one partition."""
    state: Any = {}
    bookmarks = Bookmarks(state)
    context = {"campaign_activity_id": "a"}
    bookmarks.move(context, Bookmark(value=TIMESTAMP, clicks=1))
    bookmarks.move({**context, "url_id": "1"}, Bookmark(value=TIMESTAMP))
    bookmarks.move(context, Bookmark(value=TIMESTAMP, clicks=2, rows=2))
    assert state["replication_key"] == "created_time"
    assert state["partitions"] == [
        {
            "context": {"campaign_activity_id": "a"},
            "replication_key_value": TIMESTAMP,
            "clicks": 2,
            "rows": 2,
        },
        {
            "context": {"campaign_activity_id": "a", "url_id": "1"},
            "replication_key_value": TIMESTAMP,
        },
    ]

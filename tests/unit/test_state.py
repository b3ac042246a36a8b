"""State: what comes in, what is kept, and when it is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.events.bookmark import Bookmark, Search
from tap_cc_clicks.singer import STATE_RECORDS, STATE_SECONDS, PacedStateWriter
from tap_cc_clicks.sync.bookmarks import Bookmarks
from tap_cc_clicks.sync.state_format import CampaignMemory, load

STREAMS = ["campaigns", "campaign_activities", "email_clicks", "email_links"]
MOMENT = "2026-01-31T08:00:00.000Z"
VERSION_1: dict[str, Any] = {
    "version": 1,
    "bookmarks": {
        "campaigns": {
            "replication_key": "updated_at",
            "replication_key_value": MOMENT,
        },
        "campaign_activities": {
            "campaigns": {"c": {"updated_at": MOMENT, "activities": ["a"]}}
        },
        "email_links": {"clicks": {"a": 3}},
        "email_clicks": {
            "replication_key": "created_time",
            "partitions": [
                {
                    "context": {"campaign_activity_id": "a"},
                    "replication_key_value": MOMENT,
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


def test_a_state_of_version_1_is_understood() -> None:
    """Later versions must go on understanding it: never change this one."""
    state: Any = load(VERSION_1, STREAMS)
    bookmarks = Bookmarks(state["bookmarks"]["email_clicks"])
    assert bookmarks.find({"campaign_activity_id": "a"}) == Bookmark(
        value=MOMENT,
        clicks=3,
        rows=2,
        window=2,
        lookback=48,
        search=Search(1, 2, 1, 498746),
    )
    assert bookmarks.find({"campaign_activity_id": "b"}) == Bookmark(clicks=0)
    assert bookmarks.find({"campaign_activity_id": "c"}) is None
    memory = CampaignMemory(state["bookmarks"]["campaign_activities"])
    assert memory.find("c") == {"updated_at": MOMENT, "activities": ["a"]}
    assert memory.activities("c") == ["a"]
    assert memory.prints == {}


def test_fingerprints_stand_beside_their_activities() -> None:
    """In the state; in memory the two are found each by itself."""
    known = {"updated_at": MOMENT, "activities": [["a", "1e19c23a"], "b"]}
    state: Any = {"bookmarks": {"campaign_activities": {"campaigns": {"c": known}}}}
    stream_state = load(state, STREAMS)["bookmarks"]["campaign_activities"]
    memory = CampaignMemory(stream_state)
    assert memory.activities("c") == ["a", "b"]
    assert memory.prints == {"a": "1e19c23a"}
    memory.prints["b"] = "00000001"
    memory.remember("c", ["b", "a", "d"], updated_at=None, missed=1)
    assert stream_state["campaigns"]["c"] == {
        "activities": [["b", "00000001"], ["a", "1e19c23a"], "d"],
        "missed": 1,
    }


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
            {
                "bookmarks": {
                    "campaign_activities": {"campaigns": {"a": {"check": "x"}}}
                }
            },
            "matching regex",
        ),
        ({"bookmarks": {"email_links": {"clicks": {"a": "x"}}}}, "got `str`"),
    ],
)
def test_a_state_that_cannot_be_used_is_refused(state: Any, reason: str) -> None:
    """In one sentence; to start over instead would load everything again."""
    with pytest.raises(InputError) as error:
        load(state, STREAMS)
    assert reason in str(error.value)


@pytest.mark.parametrize("state", [{}, {"bookmarks": {}}, {"version": 1}])
def test_an_empty_state_is_a_first_run(state: dict[str, Any]) -> None:
    """As Meltano may hand it in."""
    assert load(state, STREAMS) == state


def test_what_version_1_gave_up_is_looked_up_again() -> None:
    """A campaign whose list was empty once; what it knew stays as it was."""
    gone = {"updated_at": MOMENT, "activities": []}
    known = {"updated_at": MOMENT, "activities": ["a"]}
    campaigns = {"b": gone, "c": known}
    for version, left in ((1, ["c"]), (2, ["b", "c"])):
        stream = {"campaigns": dict(campaigns)}
        state = {"version": version, "bookmarks": {"campaign_activities": stream}}
        memory = CampaignMemory(
            load(state, STREAMS)["bookmarks"]["campaign_activities"]
        )
        assert list(memory) == left


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_bookmarks_of_an_activity_the_older_counts(turned: bool) -> None:  # noqa: FBT001
    """Whichever comes first."""
    both = [
        {"context": {"campaign_activity_id": "a"}, "replication_key_value": moment}
        for moment in (MOMENT, "2026-01-30T00:00:00.000Z")
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
    """One partition for each activity and link."""
    state: Any = {}
    bookmarks = Bookmarks(state)
    context = {"campaign_activity_id": "a"}
    bookmarks.move(context, Bookmark(value=MOMENT, clicks=1))
    bookmarks.move({**context, "url_id": "1"}, Bookmark(value=MOMENT))
    bookmarks.move(context, Bookmark(value=MOMENT, clicks=2, rows=2))
    assert state["replication_key"] == "created_time"
    assert state["partitions"] == [
        {
            "context": {"campaign_activity_id": "a"},
            "replication_key_value": MOMENT,
            "clicks": 2,
            "rows": 2,
        },
        {
            "context": {"campaign_activity_id": "a", "url_id": "1"},
            "replication_key_value": MOMENT,
        },
    ]


class Written:
    """Stands in for a message writer."""

    def __init__(self) -> None:
        """Have nothing written."""
        self.values: list[Any] = []
        self.stated = True

    def write_state(self, value: bytes) -> None:
        """Keep the state."""
        self.values.append(json.loads(value))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a clock of one number, set by hand."""
    now = [0.0]
    monkeypatch.setattr("tap_cc_clicks.singer.time.monotonic", lambda: now[0])
    return now


def test_state_is_written_by_time_and_by_records(clock: list[float]) -> None:
    """And not whenever it is offered."""
    written: Any = Written()
    writer = PacedStateWriter(written)
    for step in range(2 * STATE_SECONDS + 1):
        clock[0] += 1
        writer.write_state({"bookmarks": {}, "step": step})
    assert len(written.values) == 2
    writer.records += STATE_RECORDS
    writer.write_state({"bookmarks": {}, "step": -1})
    assert written.values[-1]["step"] == -1


def test_the_same_state_is_written_once() -> None:
    """However often the end of the run is said; but again after records.

    target-jsonl passes state on only if it is the last message.
    """
    written: Any = Written()
    writer = PacedStateWriter(written)
    for _ in range(3):
        writer.flush({"bookmarks": {}})
    assert written.values == [{"bookmarks": {}}]
    written.stated = False
    writer.flush({"bookmarks": {}})
    assert written.values == 2 * [{"bookmarks": {}}]

"""Stream maps, flattening, BATCH and selection of properties."""

from __future__ import annotations

import gzip
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from tap_cc_clicks.singer import OwnStream
from tests.support import Output, clicks, rows, run_tap, select

if TYPE_CHECKING:
    from pathlib import Path

    from tap_cc_clicks.sandbox import Sandbox


def without_times(output: Output) -> list[dict[str, Any]]:
    """Return the messages without extraction times and without empty bookmarks.

    The SDK leaves an empty bookmark behind for a stream that keeps none.
    """
    for state in output.states:
        bookmarks = state["bookmarks"]
        state["bookmarks"] = {name: kept for name, kept in bookmarks.items() if kept}
    return [
        {key: value for key, value in message.items() if key != "time_extracted"}
        for message in output.messages
    ]


@pytest.mark.parametrize(
    "catalog",
    [
        None,
        select("email_clicks"),
        select("email_clicks", email_clicks=["device_type", "email_address"]),
        select("email_links", "email_clicks", email_links=["unique_clicks"]),
    ],
    ids=["all", "clicks", "two properties", "links"],
)
def test_the_page_writer_writes_what_the_sdk_writes(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, catalog: dict[str, Any] | None
) -> None:
    """Message for message, for each selection."""
    # State contains timestamps.
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now)
    fast = run_tap(sandbox, catalog=catalog)
    monkeypatch.setattr(OwnStream, "writes_pages", False)
    plain = run_tap(sandbox, catalog=catalog)
    assert without_times(fast) == without_times(plain)


def test_a_stream_map_changes_records(sandbox: Sandbox) -> None:
    """It adds a hash, removes the address and filters rows."""
    maps = {
        "email_clicks": {
            "email_hash": "md5(email_address)",
            "email_address": "__NULL__",
            "__filter__": "device_type == 'mobile'",
        }
    }
    output = run_tap(sandbox, stream_maps=maps)
    records = output.records("email_clicks")
    mobile = [
        row for row in sandbox.account.rows() if row.get("device_type") == "mobile"
    ]
    assert len(records) == len(mobile) > 0
    assert all(len(record["email_hash"]) == 32 for record in records)
    assert all("email_address" not in record for record in records)


def test_a_stream_map_can_rename_the_stream(sandbox: Sandbox) -> None:
    """Bookmarks keep the original name."""
    output = run_tap(sandbox, stream_maps={"email_clicks": {"__alias__": "clicked"}})
    assert len(output.records("clicked")) == len(sandbox.account.rows())
    assert "email_clicks" in output.state["bookmarks"]


def test_flattening_turns_lists_into_text(sandbox: Sandbox) -> None:
    """As the SDK does; clicks are unchanged."""
    output = run_tap(sandbox, flattening_enabled=True, flattening_max_depth=1)
    record = output.records("campaign_activity_details")[0]
    assert isinstance(record["contact_list_ids"], str)
    assert rows(output.records("email_clicks")) == rows(sandbox.account.rows())


def test_batches_hold_every_record(sandbox: Sandbox, tmp_path: Path) -> None:
    """A second run from their state brings no clicks."""
    batch = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": tmp_path.as_uri(), "prefix": "t-"},
    }
    output = run_tap(sandbox, batch_config=batch)
    written = Output()
    for message in output.messages:
        for uri in message.get("manifest", []):
            with gzip.open(url2pathname(urlsplit(uri).path), "rt") as lines:
                written.messages += [
                    {"type": "RECORD", "stream": message["stream"], "record": record}
                    for record in map(json.loads, lines)
                ]
    assert not output.records("email_clicks")
    assert rows(clicks(written).values()) == rows(sandbox.account.rows())
    assert len(written.records("campaigns")) == len(sandbox.account.campaigns)
    second = run_tap(sandbox, output.state)
    assert not second.records("email_clicks")
    assert output.messages[-1]["type"] == "STATE"

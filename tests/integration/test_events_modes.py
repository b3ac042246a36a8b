"""Opens in every mode: STATE is never ahead of records or batch files."""

from __future__ import annotations

import gzip
import json
import signal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.declaration import CLICKS, OPENS
from tap_cc_clicks.sandbox import Account, Sandbox, generate
from tests import child
from tests.integration.test_runs import interrupted
from tests.support import Output, events, run_tap, select, truth

if TYPE_CHECKING:
    from pathlib import Path

BOTH = select("email_clicks", OPENS.stream)


def account_with_pages() -> Account:
    """Return an account whose reports of opens span several pages."""
    return generate(campaigns=20, clicks=200, recipients=120)


def with_batch_records(output: Output) -> Output:
    """Return the messages, each batch followed by its records."""
    told = Output()
    for message in output.messages:
        told.messages.append(message)
        for uri in message.get("manifest", []):
            with gzip.open(url2pathname(urlsplit(uri).path), "rt") as lines:
                told.messages += [
                    {"type": "RECORD", "stream": message["stream"], "record": record}
                    for record in map(json.loads, lines)
                ]
    return told


def assert_not_ahead(output: Output) -> None:
    """Check that no STATE counts an open that was not written before it."""
    written: dict[str, set[str]] = {}
    for message in output.messages:
        if message["type"] == "RECORD" and message["stream"] == OPENS.stream:
            record = message["record"]
            ids = written.setdefault(record["campaign_activity_id"], set())
            ids.add(record[OPENS.key])
        if message["type"] == "STATE":
            state = message["value"]["bookmarks"].get(OPENS.stream, {})
            for activity_id, told in state.get("read", {}).items():
                rows = Bookmark.from_list(told).rows_read
                assert rows <= len(written.get(activity_id, ()))


def test_batches_contain_every_open(tmp_path: Path) -> None:
    """A second run writes none."""
    batch = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": tmp_path.as_uri(), "prefix": "t-"},
    }
    with Sandbox(account_with_pages()) as sandbox:
        output = run_tap(sandbox, catalog=BOTH, batch_config=batch)
        assert not output.records(OPENS.stream)
        told = with_batch_records(output)
        assert_not_ahead(told)
        assert events(OPENS, told) == truth(OPENS, sandbox.account)
        second = run_tap(sandbox, output.state, BOTH, batch_config=batch)
        assert ("BATCH", OPENS.stream) not in second.counts()


def test_a_stream_map_applies_to_opens() -> None:
    """Bookmarks keep working under an alias."""
    maps = {
        OPENS.stream: {
            "__alias__": "opened",
            "__filter__": "device_type == 'mobile'",
            "email_hash": "md5(email_address)",
            "email_address": "__NULL__",
        }
    }
    with Sandbox(account_with_pages()) as sandbox:
        output = run_tap(sandbox, catalog=BOTH, stream_maps=maps)
        opens = sandbox.account.rows("opens")
        mobile = [row for row in opens if row.get("device_type") == "mobile"]
        found = output.records("opened")
        assert len(found) == len(mobile) > 0
        assert all("email_address" not in one for one in found)
        second = run_tap(sandbox, output.state, BOTH, stream_maps=maps)
        assert not second.records("opened")


def test_a_signal_in_the_middle_of_a_report_loses_nothing(tmp_path: Path) -> None:
    """The next run loads the rest."""
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps(BOTH))
    arguments = ("--catalog", str(catalog))
    with Sandbox(account_with_pages()) as sandbox:
        options: dict[str, Any] = {"concurrency": 2, "page_size": 10}
        first = interrupted(
            sandbox, tmp_path, ("opens", 30), signal.SIGTERM, *arguments, **options
        )
        assert first.records(OPENS.stream)
        assert_not_ahead(first)
        assert events(OPENS, first) != truth(OPENS, sandbox.account)
        second = run_tap(sandbox, first.state, BOTH)
        assert events(OPENS, first, second) == truth(OPENS, sandbox.account)
        assert events(CLICKS, first, second) == truth(CLICKS, sandbox.account)


def test_each_state_of_a_run_out_of_budget_can_be_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The budget covers all clicks, but only some opens."""
    child.often(monkeypatch.setattr, 3)
    with Sandbox(account_with_pages()) as sandbox:
        first = run_tap(sandbox, catalog=BOTH, max_requests=70, page_size=30)
        assert events(CLICKS, first) == truth(CLICKS, sandbox.account)
        assert first.records(OPENS.stream)
        assert events(OPENS, first) != truth(OPENS, sandbox.account)
        assert_not_ahead(first)
        for place in range(0, len(first.messages), 150):
            some = Output(first.messages[:place])
            state = some.states[-1] if some.states else None
            rest = run_tap(sandbox, state, BOTH)
            assert events(OPENS, some, rest) == truth(OPENS, sandbox.account)

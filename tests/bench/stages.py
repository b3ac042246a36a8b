"""The time of a record by step: the steps of a page, timed separately."""

from __future__ import annotations

import io
import math
import sys
import time
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TextIO, cast

from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.singerlib import StateMessage

from tap_cc_clicks.api.columns import Anomalies
from tap_cc_clicks.api.decoding import decode
from tap_cc_clicks.api.pages import Page
from tap_cc_clicks.api.wire import UNKNOWN
from tap_cc_clicks.events.declaration import CLICKS
from tap_cc_clicks.events.identity import Numbering
from tap_cc_clicks.events.reading import Reader, Reading
from tap_cc_clicks.events.tally import ReadScope, Tally
from tap_cc_clicks.singer import PacedStateWriter, PageWriter
from tests.bench.service import make

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = 400
PAGE = 500
ACTIVITIES = 20_000
STATES = 5


def microseconds(pages: int = PAGES) -> dict[str, float]:
    """Return the microseconds of each step for a record.

    The minimum over many pages excludes other load of the machine.
    """
    (activity,) = make(1, PAGE, repeated=False).activities.values()
    rows = b",".join(click.encoded for click in activity.clicks)
    body = b'{"tracking_activities":[' + rows + b"]}"
    reading = Reading(CLICKS, "activity", "campaign", None, None, UNKNOWN, ReadScope())
    took: dict[str, float] = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        done = work()
        took[step] = min(took.get(step, 1.0), time.perf_counter() - began)
        return done

    for _ in range(pages):
        page = timed("decode the page", partial(decode, body, CLICKS.form.decoder))
        read = Reader(_serving(page.tracking_activities), reading)._pages()
        clicks, shown = timed("complete and check each row", partial(next, read))
        number = Numbering(CLICKS, "activity").number
        fresh = timed(
            "tell clicks apart, make each click_id", partial(number, clicks, shown)
        )
        take = Tally(None, UNKNOWN, ReadScope()).take
        timed("count, tell whether to read on", partial(take, fresh, clicks))
        timed("encode and write", partial(_write, fresh))
    return {step: 1e6 * seconds / PAGE for step, seconds in took.items()}


def _serving(rows: list[Any]) -> Any:
    """Return a service with one page of these rows."""
    page = Page(rows, "https://api.example.com/v3")
    return SimpleNamespace(events=lambda *_, **__: iter([page]), anomalies=Anomalies())


def _write(clicks: list[Any]) -> None:
    _unseen(partial(PageWriter().write_records, "email_clicks", clicks))


def _unseen(work: Callable[[], Any]) -> None:
    stdout = sys.stdout
    nowhere = SimpleNamespace(buffer=io.BytesIO(), flush=lambda: None)
    sys.stdout = cast("TextIO", nowhere)
    try:
        work()
    finally:
        sys.stdout = stdout


def state_milliseconds() -> dict[str, float]:
    """Return the least milliseconds of a STATE message of many activities.

    With the tap's writer, which encodes it once, and with the SDK's.
    """
    partitions = [
        {
            "context": {"campaign_activity_id": f"{n:036}"},
            "replication_key_value": "2026-01-31T08:00:00.000Z",
            "clicks": 12,
            "window": 3,
        }
        for n in range(ACTIVITIES)
    ]
    state: dict[str, Any] = {"bookmarks": {"email_clicks": {"partitions": partitions}}}
    message = StateMessage(value=state)
    ways: dict[str, Callable[[], Any]] = {
        "tap-cc-clicks": lambda: PacedStateWriter(PageWriter()).flush(state),
        "the SDK": lambda: MsgSpecWriter().write_message(message),
    }
    took = dict.fromkeys(ways, math.inf)
    for way, work in [*ways.items()] * STATES:
        began = time.process_time()
        _unseen(work)
        took[way] = min(took[way], 1_000 * (time.process_time() - began))
    return took

"""Where the time of a record goes: the steps of a page, each timed by itself."""

from __future__ import annotations

import io
import sys
import time
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TextIO, cast

from tap_cc_clicks.api.decoding import decode
from tap_cc_clicks.api.pages import Page
from tap_cc_clicks.api.wire import UNKNOWN
from tap_cc_clicks.events.declaration import CLICKS
from tap_cc_clicks.events.identity import Numbering
from tap_cc_clicks.events.reading import Reader, Reading
from tap_cc_clicks.events.tally import Tally, Terms
from tap_cc_clicks.singer import PageWriter
from tests.bench.service import make

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = 400
PAGE = 500


def microseconds() -> dict[str, float]:
    """Return what each step takes for a record, in microseconds.

    The least of many pages: what else the machine does is not counted.
    """
    (activity,) = make(1, PAGE, alike=False).activities.values()
    rows = b",".join(click.encoded for click in activity.clicks)
    body = b'{"tracking_activities":[' + rows + b"]}"
    reading = Reading(CLICKS, "activity", "campaign", None, None, UNKNOWN, Terms())
    took: dict[str, float] = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        done = work()
        took[step] = min(took.get(step, 1.0), time.perf_counter() - began)
        return done

    for _ in range(PAGES):
        page = timed("decode the page", partial(decode, body, CLICKS.form.decoder))
        read = Reader(_serving(page.tracking_activities), reading)._pages()
        clicks = timed("complete and check each row", partial(next, read))
        number = Numbering(CLICKS, "activity").number
        fresh = timed("tell clicks apart, make each click_id", partial(number, clicks))
        take = Tally(None, UNKNOWN, Terms()).take
        timed("count, tell whether to read on", partial(take, fresh, clicks))
        timed("encode and write", partial(_write, fresh))
    return {step: 1e6 * seconds / PAGE for step, seconds in took.items()}


def _serving(rows: list[Any]) -> Any:
    """Return a service with one page of these rows."""
    page = Page(rows, "https://api.example.com/v3")
    return SimpleNamespace(events=lambda *_, **__: iter([page]))


def _write(clicks: list[Any]) -> None:
    stdout = sys.stdout
    sys.stdout = cast("TextIO", SimpleNamespace(buffer=io.BytesIO()))
    try:
        PageWriter().write_records("email_clicks", clicks)
    finally:
        sys.stdout = stdout

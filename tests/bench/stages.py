"""Where the time of a record goes: the steps of a page, each timed by itself."""

from __future__ import annotations

import io
import sys
import time
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TextIO, cast

from tap_cc_clicks.changes import UNKNOWN, Tally, Terms
from tap_cc_clicks.clicks import ClickReport, ClicksPage
from tap_cc_clicks.identity import Numbering
from tap_cc_clicks.parsing import decode
from tap_cc_clicks.writer import PageWriter
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
    report = ClickReport("activity", "campaign", None, UNKNOWN, Terms())
    took: dict[str, float] = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        done = work()
        took[step] = min(took.get(step, 1.0), time.perf_counter() - began)
        return done

    for _ in range(PAGES):
        page = timed("decode the page", partial(decode, body, ClicksPage))
        read = report.rows_of([page.tracking_activities])
        clicks = timed("complete and check each row", partial(next, read))
        number = Numbering("activity").number
        fresh = timed("tell clicks apart, make each click_id", partial(number, clicks))
        take = Tally(None, UNKNOWN, Terms()).take
        timed("count, tell whether to read on", partial(take, fresh, clicks))
        timed("encode and write", partial(_write, fresh))
    return {step: 1e6 * seconds / PAGE for step, seconds in took.items()}


def _write(clicks: list[Any]) -> None:
    stdout = sys.stdout
    sys.stdout = cast("TextIO", SimpleNamespace(buffer=io.BytesIO()))
    try:
        PageWriter().write_records("email_clicks", clicks, None)
    finally:
        sys.stdout = stdout

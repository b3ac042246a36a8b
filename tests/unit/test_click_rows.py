"""Late or incomplete rows of the clicks report."""

from __future__ import annotations

import pytest

from tap_cc_clicks.api.wire import Counters
from tests.click_reports import (
    Service,
    Warehouse,
    row,
    timestamp,
)


def test_a_late_click_older_than_the_lookback_is_found() -> None:
    """The counter rose by more than the number of new rows at the top."""
    service = Service(rows=[row(minute) for minute in range(5000, 0, -50)])
    warehouse = Warehouse()
    warehouse.sync(service, Counters(100))
    service.arrive([row(33), row(6000)])
    warehouse.sync(service, Counters(102))
    assert warehouse.times() == [row["created_time"] for row in service.rows]


@pytest.mark.parametrize("name", ["contact_id", "url_id"])
@pytest.mark.parametrize("value", [None, "absent"])
def test_a_row_without_contact_or_link_is_kept(name: str, value: object) -> None:
    """Identical rows are numbered and keep their ids."""
    bad = {**row(1), name: value}
    if value == "absent":
        del bad[name]
    service = Service(rows=[row(3), row(2), bad, dict(bad), row(0)])
    warehouse = Warehouse()
    warehouse.sync(service)
    first = set(warehouse.clicks)
    assert len(first) == 5
    assert [getattr(one, name) for one in warehouse.clicks.values()].count(None) == 2
    assert warehouse.unusable == 0
    warehouse.bookmark = None
    warehouse.sync(service)
    assert set(warehouse.clicks) == first


@pytest.mark.parametrize("value", [None, "", "soon", 7, "2026-02-31T00:00:00.000Z"])
def test_a_row_without_a_timestamp_is_skipped_and_counted(value: object) -> None:
    """All other rows are read, and the bookmark advances."""
    bad = {**row(1), "created_time": value}
    # In every page, so that it also stands first, last and alone.
    service = Service(rows=[bad, row(3), row(2), bad, bad, bad, row(1), row(0), bad])
    warehouse = Warehouse()
    warehouse.sync(service)
    assert warehouse.times() == [timestamp(3), timestamp(2), timestamp(1), timestamp(0)]
    assert warehouse.unusable == 5
    assert warehouse.bookmark is not None
    assert warehouse.bookmark.value == timestamp(3)


def test_a_skipped_row_is_counted_once() -> None:
    """Reading the report again to tell identical rows from repeats adds nothing."""
    bad = {**row(1), "created_time": "soon"}
    identical = [row(1), row(1), row(1), row(1)]
    service = Service(rows=[row(2), *identical, row(0), bad], page_size=2)
    warehouse = Warehouse()
    warehouse.sync(service)
    assert len(warehouse.clicks) == 6
    assert warehouse.unusable == 1
    assert service.pages_given > 4

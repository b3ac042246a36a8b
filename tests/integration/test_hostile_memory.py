"""A run takes less than 600 MB, even with a hostile service."""

from __future__ import annotations

import gzip
import json
from functools import partialmethod
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.api.response_body import LARGEST_BODY_BYTES
from tap_cc_clicks.api.service import Service
from tap_cc_clicks.sandbox import Fault, Sandbox
from tap_cc_clicks.sync import listing
from tap_cc_clicks.tap import TapCCClicks
from tests.child import Fate
from tests.hostile import (
    AT,
    CLICKS,
    ENDPOINTS,
    STREAMS,
    answer,
    run_process,
)
from tests.support import captured, rows, run_tap, select

if TYPE_CHECKING:
    from pathlib import Path

MEGABYTE = 1 << 20
MOST_MEGABYTES = 600


def filled(key: str, kind: str) -> bytes:
    """Return a compressed response that would become large in memory."""
    wide = {"campaign_id": "c", "name": "\N{GRINNING FACE}" + 2_200_000 * "a"}
    event = {"created_time": AT, "link_url": wide["name"]}
    row = json.dumps({**wide, **event, "campaign_activity_id": "a", "url_id": "u"})
    # All but the first one are just within the limit for a body.
    content = {
        "gigabytes of objects": answer(key, *["{}"] * (32 * MEGABYTE // 3)),
        "objects": answer(key, *["{}"] * (LARGEST_BODY_BYTES // 3 - 20)),
        "nesting": answer(key, 2_400_000 * "[" + 2_400_000 * "]"),
        "a large value": answer(key, row, *[row.replace("a" * 2_200_000, "")] * 499),
    }
    return gzip.compress(content[kind], 1)


def peak(sandbox: Sandbox, folder: Path, **config: Any) -> int:
    """Run the tap as a process, and return its peak memory in megabytes."""
    file, catalog = folder / "peak", folder / "catalog.json"
    catalog.write_text(json.dumps(select(*STREAMS)))
    ended = run_process(
        sandbox,
        folder,
        "--catalog",
        str(catalog),
        fate=Fate(peak=str(file)),
        **config,
    )
    assert "Traceback" not in ended.said
    return int(file.read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("match", "kind"),
    [
        (CLICKS, "gigabytes of objects"),
        (CLICKS, "objects"),
        (CLICKS, "nesting"),
        *((match, "a large value") for match in ENDPOINTS),
    ],
)
def test_no_response_fills_memory(
    sandbox: Sandbox, tmp_path: Path, match: str, kind: str
) -> None:
    """Compressed kilobytes used to become gigabytes of objects in eight threads."""
    content = filled(ENDPOINTS[match], kind)
    sandbox.faults.rules.append(Fault("body", match=match, content=content))
    assert peak(sandbox, tmp_path) < MOST_MEGABYTES


@pytest.mark.slow
def test_many_pages_of_large_rows_do_not_fill_memory(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Buffered rows are limited in bytes, too."""
    for activity in sandbox.account.clickable():
        del activity.clicks[4:]
        for click in activity.clicks:
            click.row["link_url"] = "\N{GRINNING FACE}" + 4_000_000 * "a"
            click.encode()
    assert peak(sandbox, tmp_path, page_size=1) < MOST_MEGABYTES


@pytest.mark.parametrize("size", [8_000, 40_000])
def test_long_links_arrive_complete(sandbox: Sandbox, size: int) -> None:
    """500 rows with links of 8 KB fit a page; longer links need smaller pages."""
    activity = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    activity.clicks[:] = [
        type(click)({**click.row, "contact_id": str(n), "link_url": size * "a"})
        for n, click in enumerate([activity.clicks[0]] * 500)
    ]
    output = run_tap(sandbox, campaign_ids=[activity.campaign_id])
    found = [
        one
        for one in output.records("email_clicks")
        if one["campaign_activity_id"] == activity.campaign_activity_id
    ]
    assert rows(found) == rows(click.row for click in activity.clicks)


def test_the_listing_is_limited_in_bytes(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is kept in memory; campaigns below the limit are loaded, and the run fails."""
    monkeypatch.setattr(listing, "LARGEST_LIST_BYTES", 3_000)
    monkeypatch.setattr(Service, "campaigns", partialmethod(Service.campaigns, limit=5))
    tap = TapCCClicks(config=sandbox.config, state={})
    with captured() as output, pytest.raises(FatalSyncError):
        tap.sync_all()
    assert "its pages are larger than 50 MB" in caplog.text
    assert 0 < len(output.records("campaigns")) < len(sandbox.account.campaigns)

"""Upgrades from version 0.1.0: its catalog, and a warehouse that it loaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from demo.stack import ROOT
from tap_cc_clicks.sandbox import Sandbox, generate
from tests.support import Output, run_tap
from tests.warehouse import FINE, NO_UNITS, build, built, land, step

if TYPE_CHECKING:
    from pathlib import Path

ACTIVITIES, DETAILS = "campaign_activities", "campaign_activity_details"


def test_a_catalog_of_version_0_1_0_runs(caplog: pytest.LogCaptureFixture) -> None:
    """Columns that moved to another stream are named once, and not written."""
    catalog = json.loads((ROOT / "tests/golden/catalog_0.1.0.json").read_text("utf-8"))
    with Sandbox(generate(campaigns=3, clicks=6)) as sandbox:
        output = run_tap(sandbox, catalog=catalog)
    (said,) = (one for one in caplog.messages if "no longer has" in one)
    assert "campaign_activities" in said
    assert "subject, preheader" in said
    assert said.endswith(f"Select the stream {DETAILS} for them")
    assert output.records(ACTIVITIES)
    assert output.records("email_links")
    assert not output.records(DETAILS)
    assert not any('"subject"' in json.dumps(one) for one in output.messages)


def as_before(output: Output) -> Output:
    """Return the output as version 0.1.0 wrote it, with details in activities."""
    details = {one["campaign_activity_id"]: one for one in output.records(DETAILS)}
    messages = []
    for message in output.messages:
        record = message.get("record", {})
        if message.get("stream") == ACTIVITIES:
            record = {**details.get(record.get("campaign_activity_id"), {}), **record}
        if message.get("stream") != DETAILS:
            messages.append({**message, "record": record})
    return Output(messages)


@pytest.mark.slow
@pytest.mark.xdist_group("transform")
def test_a_warehouse_keeps_its_subjects(tmp_path: Path) -> None:
    """Those of unchanged emails are in no other table."""
    account = generate(campaigns=6, clicks=20)
    with Sandbox(account) as sandbox:
        first = run_tap(sandbox)
        account.advance(hours=20)
        account.add_campaign()
        second = run_tap(sandbox, first.state)
    subjects = {
        one["campaign_activity_id"]: one["subject"]
        for output in (first, second)
        for one in output.records(DETAILS)
    }
    assert 0 < len(second.records(DETAILS)) < len(subjects)
    land([as_before(first), second], tmp_path)
    told = build("duckdb", tmp_path, step(*NO_UNITS, land=".", keep="kept"))
    assert {one["status"] for one in told.values()} == FINE
    rows = built("kept", tmp_path)["cc_clicks__emails"]
    found = {one["campaign_activity_id"]: one["subject"] for one in rows}
    assert {one: found[one] for one in subjects} == subjects

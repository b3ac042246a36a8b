"""Progress messages during a run and at its end."""

from __future__ import annotations

import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.api.errors import BudgetSpentError, QuotaExceededError
from tap_cc_clicks.sync.progress import Progress
from tests.support import run_tap

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Capture the log."""
    caplog.set_level(logging.INFO)
    return caplog


def test_the_time_left_is_estimated_from_finished_campaigns(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    """Used to include the time of all look-ups: 3 minutes at 37 of 60 seconds."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    gate: Any = SimpleNamespace(requests=0, ended=None)
    progress = Progress(logging.getLogger("run"), gate, 10_000)
    progress.campaigns_known = 60
    progress.looked_up = 40
    for seconds, done in ((20, 0), (30, 2), (50, 5), (65, 45)):
        now, gate.requests = float(seconds), 4 * seconds
        progress.campaigns = done
        progress.heartbeat()
    assert [one.split(",")[0] for one in log.messages] == [
        "0 of 60 new or changed campaigns (40 looked up)",
        "2 of 60 new or changed campaigns (40 looked up)",
        "5 of 60 new or changed campaigns (40 looked up)",
        "45 of 60 new or changed campaigns",
    ]
    assert [one.rpartition("quota)")[2] for one in log.messages] == [
        *("", ""),
        ", about 6 min left",
        ", less than a minute left",
    ]


def test_the_estimate_includes_looks_for_change(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    """On a quiet day, a run does nothing else."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    gate: Any = SimpleNamespace(requests=0, ended=None)
    progress = Progress(logging.getLogger("run"), gate, 10_000)
    progress.looks_known, progress.waiting = 2_000, 3_000
    for seconds, done in ((10, 500), (20, 1_000)):
        now, progress.looks = float(seconds), done
        progress.heartbeat()
    counts = "0 of 0 new or changed campaigns, 1,000 of 2,000 looks for change, 3,000 "
    assert log.messages[-1].startswith(f"{counts}wait, 0 reports read")
    assert log.messages[-1].endswith(", less than a minute left")


@pytest.mark.parametrize(
    ("ended", "beginning", "end"),
    [
        (None, "Done: ", "quota)"),
        (BudgetSpentError(), "Stopped at 50 requests (max_requests): ", "continues"),
        (QuotaExceededError(), "Stopped at 50 requests (the day's quota): ", "ues"),
    ],
)
def test_a_stopped_run_is_not_reported_as_done(
    log: pytest.LogCaptureFixture, ended: Any, beginning: str, end: str
) -> None:
    """The message says that the next run continues."""
    gate: Any = SimpleNamespace(requests=50, ended=ended)
    Progress(logging.getLogger("run"), gate, 10_000).finish()
    assert log.messages[0].startswith(beginning)
    assert log.messages[0].endswith(end)


@pytest.mark.parametrize("most", [20, None])
def test_records_of_all_streams_are_counted(
    sandbox: Sandbox, log: pytest.LogCaptureFixture, most: int | None
) -> None:
    """Used to report 1,866 records when 2,045 were written."""
    output = run_tap(sandbox, max_requests=most)
    written = sum(one["type"] == "RECORD" for one in output.messages)
    (summary,) = (one for one in log.messages if one.startswith(("Done", "Stopped at")))
    assert written
    assert f" {written:,} records, " in summary

"""The counters that a run logs as SDK metrics."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from singer_sdk.exceptions import FatalAPIError
from singer_sdk.metrics import Metric, Point

from tap_cc_clicks.sandbox import Fault
from tests.support import run_tap

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox


def counted(caplog: pytest.LogCaptureFixture) -> Counter[tuple[str, str | None]]:
    """Return the sums of the logged counters, by metric and stream."""
    counts: Counter[tuple[str, str | None]] = Counter()
    for record in caplog.records:
        for point in record.args or ():
            if isinstance(point, Point):
                counts[point.metric.value, point.tags.get("stream")] += point.value
    return counts


@pytest.mark.usefixtures("no_waiting")
def test_logged_counters_match_requests_and_records(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests answered with 429 count too, as they count against the quota."""
    sandbox.faults.rules.append(Fault("status", "/emails", times=2, status=429))
    with caplog.at_level("INFO"):
        output = run_tap(sandbox)
    counts = counted(caplog)
    assert counts[Metric.HTTP_REQUEST_COUNT, None] == len(sandbox.log.entries)
    clicks = len(output.records("email_clicks"))
    assert counts[Metric.RECORD_COUNT, "email_clicks"] == clicks > 0


def test_requests_are_counted_when_the_budget_ends_a_run(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The count equals max_requests."""
    with caplog.at_level("INFO"):
        run_tap(sandbox, max_requests=12)
    assert counted(caplog)[Metric.HTTP_REQUEST_COUNT, None] == 12


def test_requests_are_counted_when_a_run_fails(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Runs that share a quota need the number."""
    sandbox.faults.rules.append(Fault("status", "/emails", status=403))
    with caplog.at_level("INFO"), pytest.raises(FatalAPIError):
        run_tap(sandbox)
    assert counted(caplog)[Metric.HTTP_REQUEST_COUNT, None] == len(sandbox.log.entries)

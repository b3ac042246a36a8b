"""Responses of undocumented shapes: read as far as possible, or one sentence.

Each of these used to end in a traceback.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.sandbox.api import Reply
from tests.support import clicks, everything, rows, run_tap

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("no_waiting")


def misshape(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    values: dict[str, Any],
    within: str | None = None,
) -> None:
    """Set values in the responses of an endpoint, or in each of their rows."""
    answers = sandbox.api.endpoint

    def misshapen(handler: Any, query: Any) -> Reply:
        reply = handler(query)
        body = msgspec.json.decode(reply.body)
        for changed in body.get(within, ()) if within else [body]:
            changed.update(values)
        return Reply(reply.status, msgspec.json.encode(body))

    def answering(path: str) -> Any:
        name, handler = answers(path)
        return name, partial(misshapen, handler) if name == endpoint else handler

    monkeypatch.setattr(sandbox.api, "endpoint", answering)


@pytest.mark.parametrize("row", [1, None, []])
@pytest.mark.parametrize(
    ("endpoint", "key"),
    [
        ("campaigns", "campaigns"),
        ("campaign", "campaign_activities"),
        ("links", "link_click_counts"),
        ("clicks", "tracking_activities"),
    ],
)
def test_rows_that_are_no_objects_end_in_a_sentence(
    sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    key: str,
    row: Any,
) -> None:
    """As any other response of a wrong shape does, after retries."""
    misshape(sandbox, monkeypatch, endpoint, {key: [row]})
    with pytest.raises(FatalSyncError) as error:
        run_tap(sandbox, catalog=everything())
    assert f"has no {key}" in str(error.value) + caplog.text


@pytest.mark.parametrize(
    ("endpoint", "within", "values"),
    [
        ("stats", None, {"results": 1}),
        ("stats", None, {"results": [1, None, []]}),
        ("stats", "results", {"stats": "many"}),
        ("stats", "results", {"stats": {"em_clicks_all": "12"}}),
        ("stats", "results", {"last_refresh_time": 12}),
        ("campaigns", "campaigns", {"updated_at": 12}),
        ("clicks", "tracking_activities", {"deleted_at": []}),
        ("links", "link_click_counts", {"unique_clicks": "x"}),
    ],
)
def test_odd_optional_values_lose_no_click(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    within: str | None,
    values: dict[str, Any],
) -> None:
    """Unreadable counters are treated as unknown."""
    misshape(sandbox, monkeypatch, endpoint, values, within)
    assert rows(clicks(run_tap(sandbox)).values()) == rows(sandbox.account.rows())


@pytest.mark.parametrize("device", [1, [], {}])
def test_a_value_that_is_not_text_becomes_text(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, device: Any
) -> None:
    """Loaders would refuse the row, and the tap could not compare clicks by it."""
    values = {"device_type": device}
    misshape(sandbox, monkeypatch, "clicks", values, "tracking_activities")
    found = run_tap(sandbox).records("email_clicks")
    assert len(found) == len(sandbox.account.rows())
    assert {one["device_type"] for one in found} == {str(device)}

"""click_id is a stable UUID version 5."""

from __future__ import annotations

import json
import uuid

from hypothesis import given
from hypothesis import strategies as st

from tap_cc_clicks.events.declaration import CLICKS
from tap_cc_clicks.events.identity import event_id

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


MAYBE = st.one_of(st.none(), TEXT)


@given(TEXT, MAYBE, MAYBE, TEXT, MAYBE, st.integers(0, 2**31))
def test_a_click_id_is_a_uuid5_of_its_parts(
    activity: str,
    contact: str | None,
    url: str | None,
    at: str,
    device: str | None,
    number: int,
) -> None:
    """The standard library makes the same id."""
    parts = (activity, contact, url, at, device, number)
    name = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    made = event_id(CLICKS.namespace, activity, (contact, url, at, device), number)
    expected = uuid.uuid5(CLICKS.namespace, name)
    assert made == str(expected)


def test_the_click_id_of_a_known_click_never_changes() -> None:
    """Warehouses hold it: another value would duplicate every click."""
    natural_key = ("contact", "1234567890", "2026-01-31T08:00:00.000Z", "mobile")
    made = event_id(CLICKS.namespace, "activity", natural_key, 0)
    assert made == "17122782-d1c1-5760-ac67-34de47732888"

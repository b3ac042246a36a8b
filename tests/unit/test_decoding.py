"""Moments and text, as every loader can store them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_cc_clicks.api.decoding import decode
from tap_cc_clicks.api.moments import earlier, moment, moment_or_none


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("2019-05-16T21:14:00.000Z", "2019-05-16T21:14:00.000Z"),
        ("2019-05-16T21:14:00Z", "2019-05-16T21:14:00.000Z"),
        ("2019-05-16T23:14:00+02:00", "2019-05-16T21:14:00.000Z"),
        ("2019-05-16T21:14:00.123456Z", "2019-05-16T21:14:00.123456Z"),
        ("2019-05-16T21:14:00", "2019-05-16T21:14:00.000Z"),
        ("2019-05-16", "2019-05-16T00:00:00.000Z"),
    ],
)
def test_moments_become_utc_with_z(given_text: str, expected: str) -> None:
    """To the millisecond, finer where the API is finer."""
    assert moment(given_text) == expected


@pytest.mark.parametrize("value", [None, "", "soon", 7, "2019-13-01T00:00:00.000Z"])
def test_what_is_no_moment_is_none_where_that_may_be(value: object) -> None:
    """For fields that are not needed to tell clicks apart."""
    assert moment_or_none(value) is None


def test_earlier_counts_hours_back_and_has_an_end() -> None:
    """A lookback of ten thousand years reads all."""
    assert earlier("2026-01-02T00:00:00.000Z", 36) == "2025-12-31T12:00:00.000Z"
    assert earlier("2026-01-02T00:00:00.000Z", 1e8).startswith("0001-01-01")


@given(st.text())
def test_decoded_text_can_be_stored_by_any_loader(text: str) -> None:
    """No NUL and no lone surrogate, and everything else as it was."""
    decoded = decode(json.dumps({"text": text}).encode())["text"]
    decoded.encode("utf-8")
    assert "\x00" not in decoded
    assert len(decoded) == len(text)
    assert all(new in (old, "\ufffd") for old, new in zip(text, decoded, strict=True))


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b'{"a": "\\ud83d"', b"\xff"])
def test_what_is_not_json_is_a_value_error(content: bytes) -> None:
    """However the body is broken."""
    with pytest.raises(ValueError, match=r".*"):
        decode(content)

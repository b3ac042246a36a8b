"""Timestamps of the API in all their formats."""

from __future__ import annotations

import pytest

from tap_cc_clicks.api.timestamps import (
    FIRST,
    LAST,
    earlier,
    timestamp,
    timestamp_or_none,
)


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("2019-05-16T21:14:00.000Z", "2019-05-16T21:14:00.000Z"),
        ("2019-05-16T21:14:00Z", "2019-05-16T21:14:00.000Z"),
        ("2019-05-16T23:14:00+02:00", "2019-05-16T21:14:00.000Z"),
        ("2019-05-16T21:14:00.123456Z", "2019-05-16T21:14:00.123456Z"),
        ("2019-05-16T21:14:00", "2019-05-16T21:14:00.000Z"),
        ("2019-05-16", "2019-05-16T00:00:00.000Z"),
        (" 2019-05-16t21:14:00z\n", "2019-05-16T21:14:00.000Z"),
        ("20190516T231400+0200", "2019-05-16T21:14:00.000Z"),
        ("2019-05-16T21:14:00,5Z", "2019-05-16T21:14:00.500Z"),
        ("2019-W20-4T21:14Z", "2019-05-16T21:14:00.000Z"),
        ("2024-02-29T00:00:00.000Z", "2024-02-29T00:00:00.000Z"),
        ("2026-01-31T00:00:00.000Z", "2026-01-31T00:00:00.000Z"),
    ],
)
def test_timestamps_are_converted_to_utc(given_text: str, expected: str) -> None:
    """They have milliseconds, or microseconds if the API sends them."""
    assert timestamp(given_text) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        7,
        "2019-13-01T00:00:00.000Z",
        "2026-02-31T00:00:00.000Z",
        "2026-02-29T00:00:00.000Z",
        "2026-01-31T24:30:00.000Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "\uff12026-01-31T00:00:00.000Z",
    ],
)
def test_an_invalid_optional_timestamp_is_none(value: object) -> None:
    """It is used for fields that do not identify clicks."""
    assert timestamp_or_none(value) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-31T00:00:00.000Z",
        # In UTC, these are before the first or after the last timestamp.
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "",
        "soon",
    ],
)
def test_an_invalid_timestamp_is_a_value_error(text: str) -> None:
    """An OverflowError of the parser would end the run."""
    with pytest.raises(ValueError, match=r".*"):
        timestamp(text)


def test_earlier_subtracts_hours() -> None:
    """Negative hours are added."""
    assert earlier("2026-01-02T00:00:00.000Z", 36) == "2025-12-31T12:00:00.000Z"
    assert earlier("2026-01-02T00:00:00.000Z", -36) == "2026-01-03T12:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "hours", "end"),
    [
        ("2026-01-02T00:00:00.000Z", 1e8, FIRST),
        ("2026-01-02T00:00:00.000Z", 1e300, FIRST),
        (FIRST, 1, FIRST),
        ("2026-01-02T00:00:00.000Z", -1e8, LAST),
        ("2026-01-02T00:00:00.000Z", -1e300, LAST),
        (LAST, -1, LAST),
    ],
)
def test_earlier_stays_between_the_first_and_last_timestamp(
    text: str, hours: float, end: str
) -> None:
    """A lookback of ten thousand years reads everything."""
    assert earlier(text, hours) == end

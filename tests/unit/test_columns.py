"""Values that do not fit their columns."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from tap_cc_clicks import schemas
from tap_cc_clicks.api.columns import (
    VALUES,
    Anomalies,
    Columns,
    Converter,
    count,
    date_time,
    identifier,
    number,
    text,
    texts,
)
from tap_cc_clicks.api.wire import (
    ACTIVITY,
    CAMPAIGN,
    COUNTERS,
    DETAILS,
    DETAILS_STREAM,
    LINK,
    OF_CAMPAIGN,
)
from tap_cc_clicks.events.declaration import CLICKS

OWNER: Columns = {"campaign_activity_id": identifier, "campaign_id": identifier}
RECORDS: dict[str, Columns] = {
    "campaigns": CAMPAIGN,
    "campaign_activities": {
        **OWNER,
        **ACTIVITY,
        **{column: CAMPAIGN[name] for column, name in OF_CAMPAIGN.items()},
    },
    DETAILS_STREAM: {**OWNER, **DETAILS},
    "campaign_activity_stats": {**OWNER, "last_refresh_time": date_time, **COUNTERS},
    "email_clicks": {
        **dict.fromkeys(CLICKS.row.__struct_fields__, text),
        "created_time": date_time,
        "deleted_at": date_time,
    },
    "email_links": {**OWNER, **LINK},
}
PROMISES: dict[Converter, dict[str, Any]] = {
    identifier: {"type": "string"},
    text: {"type": "string"},
    texts: {"type": "array", "items": {"type": ["string"]}},
    number: {"type": "integer"},
    count: {"type": "integer"},
    date_time: {"type": "string", "format": "date-time"},
}


@pytest.mark.parametrize("stream", RECORDS)
def test_columns_match_their_schemas(stream: str) -> None:
    """Schemas and conversions have the same columns with the same types."""
    schema = json.loads((files(schemas) / f"{stream}.json").read_text("utf-8"))
    promised = {}
    for name, declared in schema["properties"].items():
        kind = next(kind for kind in declared["type"] if kind != "null")
        promised[name] = {**declared, "type": kind}
        promised[name].pop("description")
    assert promised == {name: PROMISES[kind] for name, kind in RECORDS[stream].items()}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (text, 12, "12"),
        (text, True, "true"),
        (text, {"a": ["é", None]}, '{"a":["é",null]}'),
        (texts, [7, None, "a"], ["7", "a"]),
        (number, "-12", -12),
        (number, 12.0, 12),
        (count, " 3129 ", 3129),
        (count, "12.0", 12),
        (date_time, "2019-05-16T23:14:00+02:00", "2019-05-16T21:14:00.000Z"),
        (identifier, 1100407204171, "1100407204171"),
    ],
)
def test_convertible_values_are_converted(
    kind: Converter, value: object, expected: object
) -> None:
    """They are not counted as anomalies."""
    anomalies = Anomalies()
    assert anomalies.convert("a", "b", kind, value) == expected
    assert not anomalies.counts


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (texts, "a"),
        (number, True),
        (number, 1.5),
        (number, 2**53 + 1),
        (number, "1,234"),
        (number, "1e3"),
        (count, -1),
        (count, "many"),
        (date_time, 1558041240),
        (date_time, "soon"),
        (identifier, None),
        (identifier, ""),
        (identifier, ".."),
        (identifier, "a\nb"),
        (identifier, "a" * 101),
        (identifier, 1.0),
        (identifier, True),
        (identifier, {"id": "a"}),
    ],
)
def test_other_values_become_null_and_are_counted(kind: Converter, value: Any) -> None:
    """They are counted by stream and property."""
    anomalies = Anomalies()
    assert anomalies.convert("a", "b", kind, value) is None
    assert anomalies.counts == {(VALUES, "of a.b"): 1}


@pytest.mark.parametrize("kind", [texts, number, count, date_time])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_values_are_not_counted(kind: Converter, value: Any) -> None:
    """Only a missing id is an anomaly."""
    anomalies = Anomalies()
    assert anomalies.convert("a", "b", kind, value) is None
    assert not anomalies.counts

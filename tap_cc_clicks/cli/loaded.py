"""Count loaded clicks in PostgreSQL, JSON Lines files or a file of counts."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import click

from tap_cc_clicks.api.columns import Anomalies
from tap_cc_clicks.api.decoding import decode
from tap_cc_clicks.api.timestamps import format_timestamp, timestamp_or_none
from tap_cc_clicks.api.wire import Counters, counters_of
from tap_cc_clicks.cli.databases import postgres
from tap_cc_clicks.cli.reconciliation import Loaded
from tap_cc_clicks.inputs import read_text

if TYPE_CHECKING:
    import psycopg

ACTIVITY_ID = "campaign_activity_id"
WITHOUT_REPORTS = "permalink"
COUNT = re.compile(r"\d{1,15}")
CLICKS = """
    select campaign_activity_id, count(distinct click_id), max(created_time)
    from {} group by campaign_activity_id
"""
# As JSON: columns that were not selected do not exist.
ROWS = "select to_jsonb(landed) from {} as landed"


def from_postgres(url: str, schema: str) -> Loaded:
    """Count what target-postgres loaded.

    Args:
        url: A URL for PostgreSQL or SQLAlchemy.
        schema: The loader's schema.

    Raises:
        ClickException: The server or the table cannot be read.
    """
    missing = (
        f"There is no table email_clicks in the schema {schema}: name the loader's "
        "schema by --schema"
    )
    with postgres(url, missing) as connection:
        return _in_postgres(connection, schema)


def _in_postgres(connection: psycopg.Connection[Any], schema: str) -> Loaded:
    from psycopg import sql  # noqa: PLC0415

    def rows(query: LiteralString, table: str) -> list[tuple[Any, ...]]:
        name = sql.Identifier(schema, table)
        return connection.execute(sql.SQL(query).format(name)).fetchall()

    def landed(table: str) -> list[dict[str, Any]] | None:
        name = sql.Identifier(schema, table).as_string(connection)
        there = connection.execute("select to_regclass(%s)", [name]).fetchone()
        return [row for (row,) in rows(ROWS, table)] if there and there[0] else None

    clicks = [row for row in rows(CLICKS, "email_clicks") if isinstance(row[0], str)]
    counters = landed("campaign_activity_stats")
    return Loaded(
        clicks={
            **_without_clicks(_named(landed("campaign_activities") or ())),
            **{activity_id: count for activity_id, count, _ in clicks},
        },
        newest={activity_id: _utc(newest) for activity_id, _, newest in clicks},
        counters=None if counters is None else _counters(_named(counters)),
    )


def _named(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Drop rows without an activity."""
    return (row for row in rows if isinstance(row.get(ACTIVITY_ID), str))


def _utc(when: object) -> str:
    """Format a timestamp: the loader's columns are UTC without a zone."""
    if not isinstance(when, datetime):
        return timestamp_or_none(when) or ""
    try:
        return format_timestamp(when if when.tzinfo else when.replace(tzinfo=UTC))
    except OverflowError:
        return ""


def _without_clicks(activities: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    return {
        activity[ACTIVITY_ID]: 0
        for activity in activities
        if activity.get("role") != WITHOUT_REPORTS
    }


def _counters(rows: Iterable[Mapping[str, Any]]) -> dict[str, Counters]:
    """Return the newest counters of each activity."""
    ordered = sorted(rows, key=lambda row: str(row.get("last_refresh_time") or ""))
    return {
        row[ACTIVITY_ID]: counters_of({**row, "stats": row}, Anomalies())
        for row in ordered
    }


def from_jsonl(folder: Path) -> Loaded:
    """Count the clicks in the files of target-jsonl.

    Raises:
        ClickException: There are no clicks, or a file cannot be read as rows.
    """
    if not (folder / "email_clicks.jsonl").exists():
        message = f"There is no email_clicks.jsonl in {folder}"
        raise click.ClickException(message)
    seen: defaultdict[str, set[str]] = defaultdict(set)
    newest: dict[str, str] = {}
    for row in _lines(folder / "email_clicks.jsonl", "click_id"):
        activity_id = row[ACTIVITY_ID]
        seen[activity_id].add(row["click_id"])
        when = timestamp_or_none(row.get("created_time")) or ""
        newest[activity_id] = max(newest.get(activity_id, ""), when)
    stats = folder / "campaign_activity_stats.jsonl"
    return Loaded(
        clicks={
            **_without_clicks(_lines(folder / "campaign_activities.jsonl")),
            **{activity_id: len(ids) for activity_id, ids in seen.items()},
        },
        newest=newest,
        counters=_counters(_lines(stats)) if stats.exists() else None,
    )


def _lines(path: Path, *needed: str) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with _readable(path), path.open("rb") as file:
        for number, line in enumerate(file, 1):
            row = _row(line)
            if not all(isinstance(row.get(key), str) for key in (ACTIVITY_ID, *needed)):
                message = f"Line {number} of {path} is not a row of the stream"
                raise click.ClickException(message)
            yield row


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = decode(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


@contextmanager
def _readable(path: Path) -> Generator[None]:
    """Raise a ClickException if the file cannot be read."""
    try:
        yield
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or "it is not such a file"
        message = f"{path} cannot be read: {reason}"
        raise click.ClickException(message) from None


def from_counts(path: Path) -> Loaded:
    """Read counts from a CSV file: activity, count.

    Raises:
        ClickException: A line is not a count, or the file cannot be read.
    """
    clicks: dict[str, int] = {}
    lines = io.StringIO(read_text("counts", str(path)), newline="")
    with _readable(path):
        for number, row in enumerate(csv.reader(lines), 1):
            match row:
                case [activity_id, count] if COUNT.fullmatch(count.strip()):
                    clicks[activity_id.strip()] = int(count)
                case [_, name] if number == 1 and not name.strip().isdecimal():
                    continue  # the header
                case _:
                    message = (
                        f"Line {number} of {path} is not campaign_activity_id,count"
                    )
                    raise click.ClickException(message)
    return Loaded(clicks)

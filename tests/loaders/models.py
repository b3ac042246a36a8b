"""CPU time of the models on PostgreSQL for a million clicks, compared with 0.1.0.

The server generates the rows, in tables as target-postgres creates them.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from demo.stack import ROOT, Postgres, tool

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMAS = ROOT / "tap_cc_clicks" / "schemas"
# The SQL statements of the models of version 0.1.0.
BEFORE = ROOT / "tests" / "golden" / "models_0.1.0.sql"
TABLES = {
    "campaigns": "campaign_id",
    "campaign_activities": "campaign_activity_id",
    "campaign_activity_stats": "campaign_activity_id",
    "email_clicks": "click_id",
    "email_links": "campaign_activity_id, url_id",
}
TYPES = {"string": "text", "integer": "bigint", "array": "text[]"}
EMAILS = 200
CONTACTS = 50_000
CLICKS = 1_000_000
NEW = CLICKS * 3 // 1000
ACTIVITIES = """
    insert into {schema}.campaigns (campaign_id, name, current_status, updated_at)
    select 'c' || n, 'Campaign ' || n, 'Done', date '2026-01-01' + n * interval '1 day'
    from generate_series(1, {emails}) as n;
    insert into {schema}.campaign_activities (campaign_activity_id, campaign_id, role)
    select 'a' || n, 'c' || n, 'primary_email' from generate_series(1, {emails}) as n;
    insert into {schema}.campaign_activity_stats
        (campaign_activity_id, campaign_id, last_refresh_time, em_sends, em_clicks_all)
    select 'a' || n, 'c' || n, now(), 50000, 5000 from generate_series(1, {emails}) as n
"""
# Clicks of {rows}: email, contact, link and seconds after the email was sent.
CLICKED = """
    insert into {schema}.email_clicks (click_id, campaign_activity_id, campaign_id,
        contact_id, url_id, link_url, created_time, device_type)
    select
        md5('{name}' || n || '-' || link), 'a' || email, 'c' || email, contact, link,
        'https://www.example.com/p/' || link || '?utm_campaign=c' || email,
        date '2026-01-01' + email * interval '1 day' + seconds * interval '1 s',
        'computer'
    from ({clicks}) as clicks
"""
PEOPLE = """
    select
        n, {emails} - n * 31 % {spread} as email, n * 17 / {emails} % 20 as link,
        'contact-' || (n * 7919 % {contacts}) as contact,
        n * 104729 % 2592000 as seconds
    from generate_series(1::bigint, {rows}) as n
"""
# Twelve links of an email within eleven seconds.
SCANNERS = """
    select
        n, {emails} - n * 31 % {emails} as email, link,
        'contact-' || (n * 7919 % {contacts}) as contact, n % 9000 + link as seconds
    from generate_series(1::bigint, {rows} / 12) as n, generate_series(0, 11) as link
"""
TIRELESS = """
    select n, 7 as email, n % 20 as link, 'tireless' as contact, n * 3 as seconds
    from generate_series(1::bigint, {rows}) as n
"""

# For each schema, the percentages of clicks by source.
ROWS = {
    "plain": [(100, PEOPLE)],
    "scanned": [(58, PEOPLE), (40, SCANNERS), (2, TIRELESS)],
}


def land(postgres: Postgres, schema: str) -> None:
    """Create the tables as the loader does, and add the emails."""
    execute(postgres, f"create schema {schema}")
    for stream, key in TABLES.items():
        columns = ", ".join(f"{name} {kind}" for name, kind in _types(stream).items())
        execute(
            postgres, f"create table {schema}.{stream} ({columns}, primary key ({key}))"
        )
    execute(postgres, ACTIVITIES.format(schema=schema, emails=EMAILS))


def _types(stream: str) -> dict[str, str]:
    schema = json.loads((SCHEMAS / f"{stream}.json").read_text("utf-8"))
    types = {
        name: "timestamp" if "format" in column else TYPES[column["type"][0]]
        for name, column in schema["properties"].items()
    }
    return {**types, "_sdc_batched_at": "timestamp"}


def execute(postgres: Postgres, sql: str) -> None:
    """Run statements."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.encode())


def click(
    postgres: Postgres,
    schema: str,
    rows: int,
    clicks: str = PEOPLE,
    spread: int = EMAILS,
) -> None:
    """Add clicks."""
    size = {"rows": rows, "spread": spread, "emails": EMAILS, "contacts": CONTACTS}
    name = f"{rows} {spread} "
    sql = CLICKED.format(schema=schema, name=name, clicks=clicks.format(**size))
    execute(postgres, sql)
    execute(postgres, f"vacuum analyze {schema}.email_clicks")


def build(postgres: Postgres, schema: str) -> None:
    """Run the models."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            **postgres.dbt_settings,
            "DBT_SOURCE_SCHEMA": schema,
            "DBT_POSTGRES_SCHEMA": f"{schema}_marts",
            "DBT_TARGET_PATH": folder,
            "DBT_LOG_PATH": folder,
        }
        subprocess.run(
            [tool("dbt", "dbt"), "--quiet", "run", "--target", "postgres"],
            env=environment,
            cwd=ROOT / "transform",
            check=True,
        )


def build_before(postgres: Postgres, schema: str) -> None:
    """Run the models of 0.1.0."""
    sql = BEFORE.read_text("utf-8").replace("tap_cc_clicks", schema)
    execute(postgres, sql)


def spent(server: Path) -> float:
    """Return the CPU seconds of a server's finished connections.

    Unlike elapsed time, they exclude dbt and other processes.
    """
    time.sleep(1)  # Until the server has noticed their end.
    process = (server / "postmaster.pid").read_text("ascii").split()[0]
    status = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2]
    return sum(map(int, status.split()[13:15])) / os.sysconf("SC_CLK_TCK")


def taken(
    postgres: Postgres, server: Path, run: Callable[[Postgres, str], None], schema: str
) -> float:
    """Return the CPU seconds of the server for a run."""
    before = spent(server)
    run(postgres, schema)
    return spent(server) - before


def figures() -> list[list[str]]:
    """Return the CPU seconds of each run, and the ratio to another run."""
    with tempfile.TemporaryDirectory() as name, Postgres(Path(name)) as postgres:
        for schema, parts in ROWS.items():
            land(postgres, schema)
            for percent, clicks in parts:
                click(postgres, schema, CLICKS * percent // 100, clicks)
        before = taken(postgres, Path(name), build_before, "plain")
        first = [taken(postgres, Path(name), build, schema) for schema in ROWS]
        for schema in ROWS:
            click(postgres, schema, NEW, spread=10)
        following = [taken(postgres, Path(name), build, schema) for schema in ROWS]
    plain, scanned = first
    return [
        ["0.1.0, people", f"{before:.0f}", ""],
        _line("people", plain, before, "0.1.0"),
        _line("with scanners", scanned, plain, "people"),
        _line("people, the next day", following[0], before, "0.1.0"),
        _line("with scanners, the next day", following[1], before, "0.1.0"),
    ]


def _line(run: str, seconds: float, other: float, name: str) -> list[str]:
    return [run, f"{seconds:.0f}", f"{seconds / other:.2f} of {name}"]


if __name__ == "__main__":
    for line in figures():
        print(*line, sep="\t")

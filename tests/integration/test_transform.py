"""The models in transform/, on PostgreSQL, on DuckDB, and on Snowflake's emulator."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row
from ruamel.yaml import YAML

from demo.stack import ROOT, Meltano, Postgres, settings_of, tool
from tap_cc_clicks.sandbox import Sandbox, generate
from tests.loaders.loaders import TIME_ZONE
from tests.support import HANGS, Output, rows, run_tap, select

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_cc_clicks.sandbox.account import Account

# In one worker, for what they share takes long.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("transform")]

TRANSFORM = ROOT / "transform"
BUILD = ROOT / "tests" / "dbt_build.py"
KEYS = {
    "dim_campaign_activities": ("campaign_activity_id",),
    "fct_email_clicks": ("click_id",),
    "fct_link_performance": ("campaign_activity_id", "url_id"),
    "fct_campaign_activity_performance": ("campaign_activity_id",),
    "reconciliation": ("campaign_activity_id",),
}
STREAMS = [
    path.stem.removeprefix("stg_")
    for path in sorted((TRANSFORM / "models/staging").glob("stg_*.sql"))
]
SCANNED = 3


def land(outputs: list[Output], folder: Path) -> Path:
    """Write records as a loader does that only appends, and notes when it did."""
    for hour, output in enumerate(outputs, 8):
        batched = {"_sdc_batched_at": f"2026-11-01T{hour:02}:00:00Z"}
        for stream in filter(output.records, STREAMS):
            with (folder / f"{stream}.jsonl").open("a", encoding="utf-8") as file:
                file.writelines(
                    json.dumps({**row, **batched}) + "\n"
                    for row in output.records(stream)
                )
    return folder


def dbt(folder: Path, *command: str, **settings: str) -> str:
    """Run a command of .venv/dbt on the models; what it writes goes into the folder."""
    environment = {
        **os.environ,
        "DBT_PROJECT_DIR": str(TRANSFORM),
        "DBT_PROFILES_DIR": str(TRANSFORM),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_DUCKDB_PATH": str(folder / "cc_clicks.duckdb"),
        "DBT_SNOWFLAKE_ACCOUNT": "emulated",
        "DBT_SNOWFLAKE_USER": "emulated",
        "DBT_SNOWFLAKE_DATABASE": "db",
        **settings,
    }
    run = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def build(kind: str, folder: Path) -> dict[str, Any]:
    """Build the models of what lies in a folder; return what each node came to."""
    python = tool("dbt", "python")
    lines = dbt(folder, python, str(BUILD), kind, str(folder)).splitlines()
    told: dict[str, Any] = json.loads(lines[-1])
    return told


def built(kind: str, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the marts, in order of their keys."""
    return {
        name: in_order(name, json.loads((folder / f"{name}.{kind}").read_text("utf-8")))
        for name in KEYS
    }


def in_order(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort rows by their key."""
    return sorted(rows, key=lambda row: [row[key] for key in KEYS[name]])


def in_postgres(postgres: Postgres) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the marts, as JSON holds them."""
    marts = {}
    with psycopg.connect(postgres.url) as connection:
        for name in KEYS:
            query = f"select * from cc_clicks_marts.{name}"
            cursor = connection.execute(query.encode())
            columns = [column.name for column in cursor.description or ()]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            marts[name] = in_order(name, json.loads(json.dumps(rows, default=str)))
    return marts


def loaded(postgres: Postgres) -> list[dict[str, Any]]:
    """Return the clicks in PostgreSQL, their moments as the API writes them."""
    columns = (
        "campaign_activity_id, contact_id, url_id, link_url, device_type, "
        "email_address, first_name, last_name, "
        'to_char(created_time, \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\')'
    )
    connect: Any = psycopg.connect
    with connect(postgres.url, row_factory=dict_row) as connection:
        found: list[dict[str, Any]] = connection.execute(
            f"select {columns} as created_time from cc_clicks.email_clicks".encode()
        ).fetchall()
    return found


def made() -> Account:
    """Return an account in which mail servers tried every link of two emails."""
    account = generate(campaigns=14, clicks=300)
    for _ in range(2):
        account.add_scans(account.add_campaign().activities[0], SCANNED)
    return account


def live(account: Account) -> None:
    """Let people click, one of them late, and an email be sent."""
    account.advance(hours=20)
    account.add_clicks(40)
    account.add_click(account.clickable()[3], account.now - timedelta(days=9))
    account.add_click(account.add_campaign().activities[0])


@pytest.fixture(scope="module")
def account() -> Account:
    """Return the account that the marts are built of."""
    return made()


@pytest.fixture(scope="module")
def sandbox(account: Account) -> Iterator[Sandbox]:
    """Return its server."""
    with Sandbox(account) as running:
        yield running


@pytest.fixture(scope="module")
def landed(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what two runs wrote, rows that were read twice among them."""
    first = run_tap(sandbox)
    live(sandbox.account)
    second = run_tap(sandbox, first.state)
    return land([first, second], tmp_path_factory.mktemp("landed"))


@pytest.fixture(scope="module")
def duckdb(landed: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the marts on DuckDB, with everything tested."""
    told = build("duckdb", landed)
    assert {one["status"] for one in told.values()} == {"success", "pass"}
    units = (TRANSFORM / "models").rglob("unit_tests.yml")
    names = [one["name"] for path in units for one in YAML().load(path)["unit_tests"]]
    assert names
    assert told.keys() >= {*names}
    return built("duckdb", landed)


@pytest.mark.usefixtures("plugins")
def test_meltano_loads_two_runs_into_postgresql_and_builds_the_models(
    tmp_path: Path, duckdb: dict[str, list[dict[str, Any]]]
) -> None:
    """Every click stands there once; the marts are those that DuckDB makes of it."""
    account = made()
    with Sandbox(account) as sandbox, Postgres(tmp_path / "postgres") as postgres:
        with psycopg.connect(postgres.url) as connection:
            connection.execute(TIME_ZONE)
        settings = {
            **settings_of(sandbox.config),
            **postgres.dbt_settings,
            "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.sqlalchemy_url,
            "DBT_TARGET_PATH": str(tmp_path / "target"),
            "DBT_LOG_PATH": str(tmp_path / "logs"),
        }
        meltano = Meltano(tmp_path / "meltano", settings)
        meltano("run", "tap-cc-clicks", "target-postgres")
        assert rows(loaded(postgres)) == rows(account.rows())
        live(account)
        sandbox.log.clear()
        meltano("run", "tap-cc-clicks", "target-postgres", "dbt-postgres:build")
        assert rows(loaded(postgres)) == rows(account.rows())
        assert sandbox.log.counts()["clicks"] < len(account.clickable())
        marts = in_postgres(postgres)
        told = dbt(
            tmp_path,
            *(tool("dbt", "dbt"), "test", "--select", "test_type:unit"),
            **postgres.dbt_settings,
            DBT_SOURCE_SCHEMA="cc_clicks",
        )
    assert marts == duckdb
    assert re.search(r"PASS=\d+ WARN=0 ERROR=0 SKIP=0", told)


def machine_clicks(account: Account) -> Iterator[tuple[str, ...]]:
    """Yield the clicks that a search by hand finds within bursts."""
    groups = defaultdict(list)
    for row in account.rows():
        groups[row["campaign_activity_id"], row["contact_id"]].append(row)
    for group in groups.values():
        times = [moment_of(row["created_time"]) for row in group]
        for opening in times:
            within = [
                row
                for row, time in zip(group, times, strict=True)
                if opening <= time <= opening + timedelta(seconds=10)
            ]
            if len({row["url_id"] for row in within}) >= 3:
                yield from (what_it_is(row, row["created_time"]) for row in within)


def what_it_is(row: dict[str, Any], when: str) -> tuple[str, ...]:
    """Return what tells a click from others."""
    place = (row["campaign_activity_id"], row["contact_id"], row["url_id"])
    return *place, moment_of(when).isoformat()


def moment_of(text: str) -> datetime:
    """Read a moment in UTC, with a zone or without."""
    return datetime.fromisoformat(text.removesuffix("Z"))


def test_every_click_is_there_once_and_machines_are_told(
    account: Account, duckdb: dict[str, list[dict[str, Any]]]
) -> None:
    """Of the contact nothing but the id is there."""
    clicks = duckdb["fct_email_clicks"]
    assert len(clicks) == len(account.rows())
    assert {"email_address", "first_name"}.isdisjoint(clicks[0])
    machines = {
        what_it_is(row, row["clicked_at"]) for row in clicks if row["is_likely_machine"]
    }
    assert machines == {*machine_clicks(account)}
    assert len({contact for _, contact, *_ in machines}) >= SCANNED
    firsts = [row for row in clicks if row["is_first_click_of_contact"]]
    people = {row["contact_id"] for row in clicks}
    assert sorted(row["contact_id"] for row in firsts) == sorted(people)


def test_all_that_the_service_counts_was_loaded(
    account: Account, duckdb: dict[str, list[dict[str, Any]]]
) -> None:
    """And its rates are what they are in the account."""
    rows = duckdb["reconciliation"]
    assert {row["verdict"] for row in rows} == {"ok"}
    assert sum(row["clicks_counted"] for row in rows) == len(account.rows())
    performance = duckdb["fct_campaign_activity_performance"]
    for row in performance:
        people = len(account.activities[row["campaign_activity_id"]].people)
        if row["sends"] is None:
            assert row["click_through_rate"] is None
            continue
        assert row["click_through_rate"] == pytest.approx(people / row["delivered"])
        assert row["human_click_through_rate"] <= row["click_through_rate"]
        opened = row["people_opened"]
        assert row["click_to_open_rate"] == (people / opened if opened else None)


def test_the_emulator_of_snowflake_makes_the_same_of_it(
    landed: Path, duckdb: dict[str, list[dict[str, Any]]]
) -> None:
    """It parses the SQL as Snowflake's dialect and runs it on DuckDB, no more."""
    told = build("snowflake", landed)
    assert {one["status"] for one in told.values()} == {"success", "pass"}
    assert built("snowflake", landed) == duckdb


def test_models_need_no_more_than_keys_links_and_contacts(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """What was not selected is null; what start_date leaves out is only warned of."""
    catalog = select(
        *STREAMS,
        campaigns=["campaign_id"],
        campaign_activities=["campaign_activity_id", "campaign_id", "role"],
        email_clicks=["campaign_activity_id", "contact_id", "url_id", "created_time"],
        email_links=["url_id"],
        campaign_activity_stats=["em_clicks_all"],
    )
    output = run_tap(sandbox, catalog=catalog, start_date="2026-10-28T00:00:00Z")
    land([output], tmp_path)
    told = build("duckdb", tmp_path)
    assert told["none_is_behind"]["status"] == "warn"
    marts = built("duckdb", tmp_path)
    verdicts = [row["verdict"] for row in marts["reconciliation"]]
    assert verdicts.count("behind") == int(
        re.findall(r"\d+", told["none_is_behind"]["message"])[0]
    )
    clicks = marts["fct_email_clicks"]
    assert len(clicks) == len(output.records("email_clicks"))
    assert {row["device_type"] for row in clicks} == {None}
    assert any(row["is_likely_machine"] for row in clicks)
    performance = marts["fct_campaign_activity_performance"]
    assert {row["click_through_rate"] for row in performance} == {None}


@pytest.mark.parametrize("stream", STREAMS)
def test_staged_columns_are_the_taps(stream: str) -> None:
    """All of them, described in the same words."""
    path = ROOT / "tap_cc_clicks" / "schemas" / f"{stream}.json"
    properties = json.loads(path.read_text("utf-8"))["properties"]
    models = YAML(typ="safe").load(TRANSFORM / "models/staging/staging.yml")["models"]
    (model,) = [one for one in models if one["name"] == f"stg_{stream}"]
    described = {one["name"]: one["description"] for one in model["columns"]}
    assert described == {
        name: column["description"] for name, column in properties.items()
    }
    sql = (TRANSFORM / f"models/staging/stg_{stream}.sql").read_text("utf-8")
    assert re.findall(r"^ {4}'(\w+)':", sql, re.MULTILINE) == list(properties)


def test_every_column_of_the_marts_is_described(
    duckdb: dict[str, list[dict[str, Any]]],
) -> None:
    """In the order in which they stand."""
    models = YAML(typ="safe").load(TRANSFORM / "models/marts/marts.yml")["models"]
    for model in models:
        described = {one["name"]: one["description"] for one in model["columns"]}
        assert described.keys() == duckdb[model["name"]][0].keys()
        assert all(described.values())

"""The dbt models in transform/ on PostgreSQL, DuckDB and a Snowflake emulator."""

from __future__ import annotations

import json
import re
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
from tests.support import rows, run_tap, select
from tests.warehouse import (
    FINE,
    KEYS,
    NO_UNITS,
    STREAMS,
    TRANSFORM,
    build,
    built,
    dbt,
    in_order,
    land,
    step,
)
from tools import write_dbt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_cc_clicks.sandbox.account import Account

# In one worker, as their shared fixtures are slow.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("transform")]

SCANNED = 3


def in_postgres(postgres: Postgres) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the marts in JSON types."""
    marts = {}
    with psycopg.connect(postgres.url) as connection:
        for name in KEYS:
            query = f"select * from cc_clicks_marts.{name}"
            cursor = connection.execute(query.encode())
            columns = [column.name for column in cursor.description or ()]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            # The loader's schema has another name there.
            assert {row.pop("source_relation") for row in rows} <= {"cc_clicks"}
            rows = [{"source_relation": "tap_cc_clicks", **row} for row in rows]
            marts[name] = in_order(name, json.loads(json.dumps(rows, default=str)))
    return marts


def loaded(postgres: Postgres) -> list[dict[str, Any]]:
    """Return the clicks in PostgreSQL, with timestamps as the API writes them."""
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


def account_with_scans() -> Account:
    """Return an account in which mail servers opened every link of two emails."""
    account = generate(campaigns=14, clicks=300)
    for _ in range(2):
        account.add_scans(account.add_campaign().activities[0], SCANNED)
    return account


def add_changes(account: Account) -> None:
    """Add clicks, a late one among them, and an email."""
    account.advance(hours=20)
    account.add_clicks(40)
    account.add_click(account.clickable()[3], account.now - timedelta(days=9))
    account.add_click(account.add_campaign().activities[0])


@pytest.fixture(scope="module")
def account() -> Account:
    """Return the account that the marts are built from."""
    return account_with_scans()


@pytest.fixture(scope="module")
def sandbox(account: Account) -> Iterator[Sandbox]:
    """Return its server."""
    with Sandbox(account) as running:
        yield running


@pytest.fixture(scope="module")
def landed(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the output of two runs, including rows read twice."""
    first = run_tap(sandbox)
    add_changes(sandbox.account)
    second = run_tap(sandbox, first.state)
    return land([first, second], tmp_path_factory.mktemp("landed"))


@pytest.fixture(scope="module")
def duckdb(landed: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the marts on DuckDB, after all tests passed."""
    told = build("duckdb", landed)
    assert {one["status"] for one in told.values()} == FINE
    units = (TRANSFORM / "models").rglob("unit_tests.yml")
    names = [one["name"] for path in units for one in YAML().load(path)["unit_tests"]]
    assert names
    assert told.keys() >= {*names}
    return built("duckdb", landed)


@pytest.mark.usefixtures("plugins")
def test_meltano_loads_two_runs_into_postgresql_and_builds_the_models(
    tmp_path: Path, duckdb: dict[str, list[dict[str, Any]]]
) -> None:
    """Every click is stored once, and the marts equal those on DuckDB."""
    account = account_with_scans()
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
        meltano("run", "tap-cc-clicks", "target-postgres", "dbt-postgres:build")
        assert rows(loaded(postgres)) == rows(account.rows())
        add_changes(account)
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
    """Yield the clicks that a simple search finds in bursts."""
    groups = defaultdict(list)
    for row in account.rows():
        groups[row["campaign_activity_id"], row["contact_id"]].append(row)
    for group in groups.values():
        times = [utc_time(row["created_time"]) for row in group]
        for opening in times:
            within = [
                row
                for row, time in zip(group, times, strict=True)
                if opening <= time <= opening + timedelta(seconds=10)
            ]
            if len({row["url_id"] for row in within}) >= 3:
                yield from (identity(row, row["created_time"]) for row in within)


def identity(row: dict[str, Any], when: str) -> tuple[str, ...]:
    """Return the values that identify a click."""
    place = (row["campaign_activity_id"], row["contact_id"], row["url_id"])
    return *place, utc_time(when).isoformat()


def utc_time(text: str) -> datetime:
    """Parse a UTC timestamp, with or without a zone."""
    return datetime.fromisoformat(text.removesuffix("Z"))


def test_every_click_is_stored_once_and_machines_are_marked(
    account: Account, duckdb: dict[str, list[dict[str, Any]]]
) -> None:
    """The mart has no personal data except the contact's id."""
    clicks = duckdb["cc_clicks__clicks"]
    assert len(clicks) == len(account.rows())
    assert {"email_address", "first_name"}.isdisjoint(clicks[0])
    machines = {
        identity(row, row["clicked_at"]) for row in clicks if row["is_likely_machine"]
    }
    assert machines == {*machine_clicks(account)}
    assert len({contact for _, contact, *_ in machines}) >= SCANNED
    firsts = [row for row in clicks if row["is_first_click_of_contact"]]
    people = {row["contact_id"] for row in clicks}
    assert sorted(row["contact_id"] for row in firsts) == sorted(people)


def test_all_counted_clicks_were_loaded(
    account: Account, duckdb: dict[str, list[dict[str, Any]]]
) -> None:
    """Rates match the account."""
    rows = duckdb["cc_clicks__reconciliation"]
    assert {row["verdict"] for row in rows} == {"ok"}
    assert sum(row["counted"] for row in rows) == len(account.rows())
    performance = duckdb["cc_clicks__emails"]
    for row in performance:
        people = len(account.activities[row["campaign_activity_id"]].people)
        if row["sends"] is None:
            assert row["click_rate"] is None
            continue
        assert row["click_rate"] == pytest.approx(people / row["deliveries"])
        assert row["loaded_human_click_rate"] <= row["click_rate"]
        opened = row["unique_opens"]
        assert row["click_to_open_rate"] == (people / opened if opened else None)


def test_the_snowflake_emulator_builds_the_same_marts(
    landed: Path, duckdb: dict[str, list[dict[str, Any]]]
) -> None:
    """It only parses the SQL as Snowflake's dialect, and runs it on DuckDB."""
    # It supports neither column comments nor the temporary tables of unit tests.
    command = (*NO_UNITS, "--vars", "{cc_clicks_comments: false}")
    told = build("snowflake", landed, step(*command, land=".", keep="snowflake"))
    assert {one["status"] for one in told.values()} == FINE
    assert built("snowflake", landed) == duckdb


def test_models_need_only_keys_links_and_contacts(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Other columns are null; clicks before start_date cause only a warning."""
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
    told = build("duckdb", tmp_path, step(*NO_UNITS, land=".", keep="duckdb"))
    assert told["cc_clicks__none_is_behind"]["status"] == "warn"
    marts = built("duckdb", tmp_path)
    verdicts = [row["verdict"] for row in marts["cc_clicks__reconciliation"]]
    assert verdicts.count("behind") == int(
        re.findall(r"\d+", told["cc_clicks__none_is_behind"]["message"])[0]
    )
    clicks = marts["cc_clicks__clicks"]
    assert len(clicks) == len(output.records("email_clicks"))
    assert {row["device_type"] for row in clicks} == {None}
    assert any(row["is_likely_machine"] for row in clicks)
    performance = marts["cc_clicks__emails"]
    assert {row["click_rate"] for row in performance} == {None}


@pytest.mark.parametrize("stream", STREAMS)
def test_staged_columns_match_the_tap(stream: str) -> None:
    """All columns, in the same order."""
    path = ROOT / "tap_cc_clicks" / "schemas" / f"{stream}.json"
    properties = json.loads(path.read_text("utf-8"))["properties"]
    sql = TRANSFORM / f"models/staging/stg_cc_clicks__{stream}.sql"
    columns = re.findall(r"^ {4}'(\w+)':", sql.read_text("utf-8"), re.MULTILINE)
    assert columns == list(properties)


def test_table_descriptions_match_the_tap() -> None:
    """``make catalogs`` writes them."""
    tables = write_dbt.tables()
    for path, written, names in (
        ("sources.yml", write_dbt.sources(tables)["sources"][0], "tables"),
        ("staging/staging.yml", write_dbt.staging(tables), "models"),
    ):
        read = YAML(typ="safe").load(TRANSFORM / "models" / path)
        there = {one["name"]: one for one in (read.get("sources") or [read])[0][names]}
        for table in written[names]:
            assert there[table["name"]] == table


def test_every_column_of_the_marts_is_described(
    duckdb: dict[str, list[dict[str, Any]]],
) -> None:
    """No other columns are described."""
    models = YAML(typ="safe").load(TRANSFORM / "models/marts/marts.yml")["models"]
    assert {model["name"] for model in models} == KEYS.keys()
    for model in models:
        described = {one["name"]: one["description"] for one in model["columns"]}
        assert all(described.values())
        for row in duckdb[model["name"]]:
            assert described.keys() == row.keys()

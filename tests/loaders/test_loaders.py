"""Loaders, run end to end: no value is lost, duplicated or changed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

from demo.stack import ROOT
from tap_cc_clicks.sandbox import Sandbox, generate
from tests.loaders import run
from tests.loaders.loaders import (
    CSV,
    DuckDB,
    JSONLines,
    PostgresInsert,
    Snowflake,
)
from tests.loaders.piping import pipe
from tests.loaders.scenario import Scenario, comparable, landed_as, newest, play
from tests.support import recipe

if TYPE_CHECKING:
    from pathlib import Path

# In one worker, as their shared fixture is slow.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("loaders")]

UPSERTING = (
    "target-postgres, INSERT",
    "target-postgres, COPY",
    "target-snowflake",
    "target-duckdb",
)
APPENDING = ("target-jsonl", "target-csv")
ALL = (*UPSERTING, *APPENDING)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Return the tables of all loaders after two runs."""
    return play(tmp_path_factory.mktemp("loaders"))


@pytest.mark.parametrize("name", ALL)
def test_every_click_lands_as_it_was_sent(scenario: Scenario, name: str) -> None:
    """Text, UTC timestamps and nulls; identical clicks are kept."""
    landing = scenario.landings[name]
    landed = comparable(landing.first["email_clicks"].rows)
    assert landed == landed_as(landing.loader, scenario.first)


@pytest.mark.parametrize("name", UPSERTING)
def test_a_second_run_updates_what_is_known(scenario: Scenario, name: str) -> None:
    """Each click is stored once, in its newest version."""
    landing = scenario.landings[name]
    landed = comparable(landing.second["email_clicks"].rows)
    assert landed == landed_as(landing.loader, scenario.second)
    assert landing.second["email_clicks"].key == ["click_id"]
    assert landing.second["email_links"].key == ["campaign_activity_id", "url_id"]


@pytest.mark.parametrize("name", APPENDING)
def test_of_what_is_appended_the_newest_row_is_right(
    scenario: Scenario, name: str
) -> None:
    """Clicks that were read again are stored twice; the newest row is right."""
    landing = scenario.landings[name]
    rows = landing.second["email_clicks"].rows
    assert len(rows) > len(scenario.second)
    assert comparable(newest(rows)) == landed_as(landing.loader, scenario.second)


@pytest.mark.parametrize("name", ALL)
def test_lists_land_as_lists(scenario: Scenario, name: str) -> None:
    """Empty lists, nulls, and lists of any text."""
    landing = scenario.landings[name]
    rows = landing.first["campaign_activity_details"].rows
    landed = {row["campaign_activity_id"]: row["contact_list_ids"] for row in rows}
    assert landed == {
        activity: landing.loader.lands(lists)
        for activity, lists in scenario.lists.items()
    }


@pytest.mark.parametrize("name", ALL)
def test_the_state_comes_through(scenario: Scenario, name: str) -> None:
    """As the tap wrote it, with its version."""
    state = scenario.landings[name].state
    assert state is not None
    assert state["version"] == 2
    assert set(state["bookmarks"]) >= {"campaigns", "campaign_activities"}


def test_snowflake_is_told_moments_in_utc_and_a_merge(scenario: Scenario) -> None:
    """Only the SQL text is tested; it was never run on Snowflake."""
    loader = scenario.landings["target-snowflake"].loader
    assert isinstance(loader, Snowflake)
    statements = loader.statements()
    assert "$1:created_time::TIMESTAMP_NTZ as created_time" in statements
    assert "on d.click_id = s.click_id when matched then update" in statements
    assert "PARTITION BY click_id ORDER BY SEQ8() DESC" in statements


def test_a_loader_is_tested_in_the_version_that_meltano_installs() -> None:
    """DuckDB is pinned too: since 1.3, the first row of a batch is lost."""
    project = YAML(typ="safe").load((ROOT / "meltano.yml").read_text("utf-8"))
    tested = (PostgresInsert, Snowflake, DuckDB, JSONLines, CSV)
    files = {one.program: one.environment for one in tested}
    for loader in project["plugins"]["loaders"]:
        path = ROOT / "requirements" / f"{files[loader['name']]}.txt"
        assert set(loader["pip_url"].split()) <= set(path.read_text().split("\n"))


def test_the_documented_tables_are_what_landed(scenario: Scenario) -> None:
    """``make loaders`` writes them."""
    text = run.DOCS.read_text("utf-8")
    assert run.written(text, "loaders", run.matrix(scenario)) == text
    assert run.written(text, "types", run.types(scenario)) == text


def test_a_loader_that_is_not_installed_starts_no_tap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Used to leave the tap running, which failed later tests."""
    monkeypatch.setattr(DuckDB, "environment", "no-such")
    with pytest.raises(FileNotFoundError, match="no-such"):
        pipe({}, None, DuckDB(tmp_path / "duckdb"))
    assert not (tmp_path / "duckdb" / "tap.log").exists()


def test_two_accounts_share_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipe adds the account to the key."""
    account = generate(campaigns=4, clicks=40)
    loader = DuckDB(tmp_path / "duckdb")
    with Sandbox(account) as sandbox:
        for name in ("north", "south", "north"):
            monkeypatch.setenv("CC_CLICKS_ACCOUNT", name)
            pipe({**sandbox.config, **recipe("accounts")}, None, loader)
    table = loader.table("email_clicks")
    assert table.key == ["account_id", "click_id"]
    assert Counter(row["account_id"] for row in table.rows) == {
        "north": 40,
        "south": 40,
    }

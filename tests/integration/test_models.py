"""The dbt models in transform/: daily builds, installation as a package, queries."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from demo.stack import ROOT, tool
from tests.mail import CAMPAIGNS, KEYS, Mail
from tests.warehouse import FINE, NO_UNITS, TRANSFORM, build, built, dbt, step

if TYPE_CHECKING:
    from pathlib import Path

    from tests.warehouse import Marts

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("models")]

WAREHOUSE = ROOT / "docs" / "warehouse.md"
EXAMPLE = ROOT / "examples" / "dbt"
OPTED_IN = tuple(stream for stream in KEYS if stream != "email_clicks")
SENDS = ("email_send_history", "campaign_summaries")
QUESTIONS = 10
MARTS = "cc_clicks_marts"
PERSONAL = ("cc_clicks__contacts", "cc_clicks__events")


def questions() -> dict[str, str]:
    """Return the SQL statements of docs/warehouse.md by question number."""
    text = WAREHOUSE.read_text("utf-8").partition("## Ten questions")[2]
    found = re.findall(
        r"^\d+\. (.+?)\n+\s*```sql\n(.+?)```", text, re.DOTALL | re.MULTILINE
    )
    return {f"question {number}": sql for number, (_, sql) in enumerate(found, 1)}


@pytest.fixture(scope="module")
def mail() -> Mail:
    """Return the account."""
    return Mail()


@pytest.fixture(scope="module")
def folder(mail: Mail, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the models on two days and in full, and run the ten queries."""
    folder = tmp_path_factory.mktemp("models")
    mail.land(folder / "one", 1)
    mail.land(folder / "two")
    personal = "{cc_clicks_personal_data: true}"
    build(
        "duckdb",
        folder,
        step(*NO_UNITS, land="one"),
        step("run", land="two", keep="next"),
        step("run", "--full-refresh", keep="full", ask=questions()),
        step("run", "--select", *PERSONAL, "--vars", personal),
        step(ask={f"named.{one}": f"select * from {MARTS}.{one}" for one in PERSONAL}),
    )
    return folder


@pytest.fixture(scope="module")
def marts(folder: Path) -> Marts:
    """Return the marts as they are on the second day."""
    return built("next", folder)


def test_an_incremental_build_equals_a_full_refresh(folder: Path, marts: Marts) -> None:
    """After late rows, renames, resends, deletions and timestamps added later."""
    assert marts == built("full", folder)
    assert all(marts.values())


def test_clicks_follow_their_send(marts: Marts) -> None:
    """Also where campaigns were renamed or sent again."""
    clicks = marts["cc_clicks__clicks"]
    unknown = [row for row in clicks if row["minutes_since_send"] is None]
    assert len(unknown) < len(clicks) / 100
    assert {row["sent_at_basis"] for row in clicks} == {"send_history"}
    assert max(row["minutes_since_send"] for row in clicks) < 4 * 24 * 60
    again = [row["times_sent"] for row in marts["cc_clicks__emails"]]
    assert sorted(again) == [*[1] * CAMPAIGNS, 2]


def test_loaded_rows_match_the_service_counters(mail: Mail, marts: Marts) -> None:
    """For every kind; recipients also match the account."""
    assert {row["verdict"] for row in marts["cc_clicks__reconciliation"]} == {"ok"}
    kinds = {row["kind"] for row in marts["cc_clicks__reconciliation"]}
    assert kinds == {"click", "open", "send", "bounce", "unsubscribe", "forward"}
    for email in marts["cc_clicks__emails"]:
        activity = email["campaign_activity_id"]
        assert email["unique_clicks"] == email["loaded_unique_clicks"]
        sent, opened, bounced = (
            {row["contact_id"] for row in mail.of(stream, activity)}
            for stream in ("email_sends", "email_opens", "email_bounces")
        )
        quiet = {
            row["contact_id"]
            for row in marts["cc_clicks__recipients"]
            if row["campaign_activity_id"] == activity and row["did_not_open"]
        }
        assert quiet == sent - opened - bounced


def test_personal_data_is_opt_in(folder: Path, marts: Marts) -> None:
    """A variable adds email addresses and opt-out reasons."""
    assert {row["email_address"] for row in marts["cc_clicks__contacts"]} == {None}
    assert {row["opt_out_reason"] for row in marts["cc_clicks__events"]} == {None}
    named, wrote = (
        json.loads((folder / f"named.{one}.json").read_text("utf-8"))
        for one in PERSONAL
    )
    assert len(named) == len(marts["cc_clicks__contacts"])
    assert {re.sub(r"\d+", "", row["email_address"]) for row in named} == {
        "p@example.com"
    }
    assert {row["opt_out_reason"] for row in wrote} == {None, "too many"}


def test_documented_queries_return_rows(mail: Mail, folder: Path) -> None:
    """Each is one statement over a single mart."""
    asked = questions()
    assert len(asked) == QUESTIONS
    answers = {
        name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in asked
    }
    assert not [name for name, rows in answers.items() if not rows]
    for sql in asked.values():
        assert len({*re.findall(r"\bcc_clicks__\w+", sql)}) == 1
    totals = answers["question 6"]
    clicks = {row["click_id"] for day in mail.days for row in day["email_clicks"]}
    assert sum(row["loaded_clicks"] for row in totals) == len(clicks)


def test_models_build_without_missing_streams(tmp_path: Path) -> None:
    """Only streams that are listed in cc_clicks_streams must exist."""
    account, steps = Mail(), []
    everything = {stream for day in account.days for stream in day}
    missing = {
        "alone": tuple(everything - {"email_clicks"}),
        "unsent": (*OPTED_IN, *SENDS),
        "unclicked": ("email_clicks",),
    }
    for schema, without in missing.items():
        account.land(tmp_path / schema, without=without)
        chosen = f"{{cc_clicks_schema: {schema}}}"
        command = NO_UNITS if schema == "alone" else ("run", "--full-refresh")
        where = {"land": schema, "schema": schema, "keep": f"{schema}.kept"}
        steps.append(step(*command, "--vars", chosen, **where))
    told = build("duckdb", tmp_path, *reversed(steps))
    assert {one["status"] for one in told.values()} <= {*FINE, "warn"}
    alone, unsent, unclicked = (built(f"{one}.kept", tmp_path) for one in missing)
    assert len(alone["cc_clicks__emails"]) == len(unsent["cc_clicks__emails"])
    assert {row["sends"] for row in alone["cc_clicks__emails"]} == {None}
    assert not alone["cc_clicks__events"] + unsent["cc_clicks__recipients"]
    assert {row["sent_at_basis"] for row in unsent["cc_clicks__emails"]} == {
        "campaign_update",
        "first_click",
    }
    assert unclicked["cc_clicks__recipients"]
    wanted = "{cc_clicks_schema: alone, cc_clicks_streams: [email_opens]}"
    one = ("run", "--select", "stg_cc_clicks__email_opens", "--vars", wanted)
    with pytest.raises(AssertionError, match=r"There is no table .*email_opens"):
        build("duckdb", tmp_path, step(*one))


def test_accounts_are_kept_apart(tmp_path: Path) -> None:
    """Even if their ids are equal; an account without new clicks is not stale."""
    now = datetime.now(UTC).isoformat()
    for schema, days in (("north", 2), ("south", 1)):
        Mail().land(tmp_path / schema, days)
        with (tmp_path / schema / "campaigns.jsonl").open("a") as file:
            file.write(json.dumps({"campaign_id": "last", "_sdc_batched_at": now}))
    north, south = {"schema": "north"}, {"schema": "south", "name": "down under"}
    chosen = json.dumps({"cc_clicks_sources": [north, south]})
    told = build(
        "duckdb",
        tmp_path,
        step(land="north", schema="north"),
        step(*NO_UNITS, "--vars", chosen, land="south", schema="south", keep="both"),
        step("source", "freshness", "--vars", "{cc_clicks_schema: south}"),
    )
    assert {one["status"] for one in told.values()} == {"pass"}
    marts = built("both", tmp_path)
    names = ("north", "down under")
    for rows in marts.values():
        assert {row["source_relation"] for row in rows} == {*names}
    for name, days in zip(names, (2, 1), strict=True):
        opens = sum(len(day["email_opens"]) for day in Mail().days[:days])
        contacts = marts["cc_clicks__contacts"]
        mine = (row["opens"] for row in contacts if row["source_relation"] == name)
        assert sum(mine) == opens


def test_another_project_installs_the_package(mail: Mail, tmp_path: Path) -> None:
    """The example project, with models that have the package's former model names."""
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project)
    (project / "packages.yml").write_text(f"packages: [{{local: {TRANSFORM}}}]")
    for name in ("stg_campaigns", "dim_contacts", "reconciliation"):
        (project / "models" / f"{name}.sql").write_text("select 'mine' as owner")
    mail.land(tmp_path / "landed")
    settings = {
        "DBT_PROJECT_DIR": str(project),
        "DBT_SOURCE_SCHEMA": "tap_cc_clicks",
    }
    dbt(tmp_path, tool("dbt", "dbt"), "deps", **settings)
    told = build("duckdb", tmp_path, step(*NO_UNITS, land="landed"), **settings)
    assert {one["status"] for one in told.values()} == {*FINE, "no-op"}
    assert told.keys() >= {"stg_campaigns", "dim_contacts", "cc_clicks__emails"}

"""``cc-clicks reconcile``: loaded clicks against the service's counters."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner

from demo.stack import Postgres
from tap_cc_clicks.cli.commands import cc_clicks
from tap_cc_clicks.sandbox import Fault, Sandbox, generate
from tests.support import Output, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tap_cc_clicks.sandbox.account import Activity

STREAMS = ("email_clicks", "campaign_activities", "campaign_activity_stats")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset the machine's own settings."""
    monkeypatch.delenv("TARGET_POSTGRES_SQLALCHEMY_URL", raising=False)


def reconcile(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(cc_clicks, ["reconcile", *map(str, arguments)])


def config_of(sandbox: Sandbox, folder: Path, **settings: Any) -> Path:
    """Write a config file of the tap."""
    path = folder / "config.json"
    path.write_text(json.dumps({**sandbox.config, **settings}), "utf-8")
    return path


def write(output: Output, folder: Path) -> Path:
    """Write records as target-jsonl does."""
    for stream in STREAMS:
        with (folder / f"{stream}.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(one) + "\n" for one in output.records(stream))
    return folder


def busy(sandbox: Sandbox, number: int = 0) -> Activity:
    """Return one of the activities with most clicks."""
    activities = sandbox.account.clickable()
    activities.sort(key=lambda one: len(one.clicks), reverse=True)
    return activities[number]


def test_nothing_differs_after_a_run(sandbox: Sandbox, tmp_path: Path) -> None:
    """Duplicate rows of an appending loader do not count; no address is shown."""
    output = run_tap(sandbox)
    folder = write(output, tmp_path)
    write(output, tmp_path)
    sandbox.log.clear()
    result = reconcile("--config", config_of(sandbox, tmp_path), "--jsonl", folder)
    assert result.exit_code == 0, result.output
    assert "400 clicks loaded" in result.stdout
    assert "behind" not in result.stdout
    assert "@" not in result.output
    activities = len(output.records("campaign_activity_stats"))
    assert f"Counters of {activities} activities: {-(-activities // 10)} requests" in (
        result.stderr
    )
    assert sandbox.log.counts() == {"stats": -(-activities // 10)}


def test_differences_are_listed_with_a_reason(sandbox: Sandbox, tmp_path: Path) -> None:
    """With the number of clicks; missing ones set exit code 1."""
    behind, ahead = busy(sandbox), busy(sandbox, 1)
    folder = write(run_tap(sandbox), tmp_path)
    for _ in range(3):
        sandbox.account.add_click(behind)
    ahead.count_offset = -2
    config = config_of(sandbox, tmp_path)
    result = reconcile("--config", config, "--jsonl", folder, "--json")
    assert result.exit_code == 1
    differ = [one for one in json.loads(result.stdout) if one["verdict"] != "ok"]
    assert [
        (one["campaign_activity_id"], one["verdict"], one["difference"])
        for one in differ
    ] == [
        (behind.campaign_activity_id, "behind", -3),
        (ahead.campaign_activity_id, "ahead", 2),
    ]
    assert "Not loaded yet" in differ[0]["reason"]
    assert "never holds some clicks" in differ[1]["reason"]
    text = reconcile("--config", config, "--jsonl", folder).stdout
    assert f"{len(behind.clicks):,} counted (-3)" in text


def test_clicks_newer_than_the_counters_are_no_error(tmp_path: Path) -> None:
    """They are ahead until the next count."""
    account = generate(campaigns=6, clicks=100)
    account.add_clicks(5, emails=1)
    with Sandbox(account) as sandbox:
        folder = write(run_tap(sandbox), tmp_path)
        account.stats_lag = account.now - account.now.replace(hour=0)
        result = reconcile("--config", config_of(sandbox, tmp_path), "--jsonl", folder)
    assert result.exit_code == 0
    assert "ahead: There are clicks younger than the count" in result.stdout


def test_a_filter_is_given_as_the_reason(sandbox: Sandbox, tmp_path: Path) -> None:
    """It leaves clicks out on purpose."""
    start = "2026-10-30T00:00:00Z"
    folder = write(run_tap(sandbox, start_date=start), tmp_path)
    config = config_of(sandbox, tmp_path, start_date=start)
    result = reconcile("--config", config, "--jsonl", folder)
    assert result.exit_code == 1
    assert "behind: Left out on purpose (start_date)" in result.stdout


def test_counts_are_read_from_csv(sandbox: Sandbox, tmp_path: Path) -> None:
    """An activity that the service does not know is listed."""
    known = busy(sandbox)
    counts = tmp_path / "counts.csv"
    gone = sandbox.account.uuid()
    counts.write_text(
        f"activity,clicks\n{known.campaign_activity_id},{len(known.clicks)}\n"
        f"{gone},2\n",
        "utf-8",
    )
    config = config_of(sandbox, tmp_path)
    result = reconcile("--config", config, "--counts", counts, "--all")
    assert result.exit_code == 0, result.output
    assert "1 not counted, 1 ok" in result.stdout
    assert f"{gone}  2 loaded" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "Say where the clicks are"),
        (["--counts", "bad.csv"], 1, "Line 2 of bad.csv is not campaign_activity_id"),
        (["--jsonl", "."], 1, "There is no email_clicks.jsonl in ."),
        (["--jsonl", "half"], 1, "Line 1 of half/email_clicks.jsonl is not a row"),
        (["--counts", "good.csv", "--offline"], 1, "The counters were not loaded"),
        (
            ["--postgres", "postgresql://me:s3cret%zz@127.0.0.1:1/x", "--offline"],
            1,
            "PostgreSQL cannot be read (ProgrammingError)",
        ),
        (
            ["--postgres", "postgresql+psycopg://me:s3cret@127.0.0.1:1/x", "--offline"],
            1,
            "PostgreSQL cannot be read (OperationalError)",
        ),
    ],
)
def test_unusable_input_ends_in_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    sentence: str,
) -> None:
    """It shows no password."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text("a,1\n", "utf-8")
    (tmp_path / "bad.csv").write_text("a,1\nb\n", "utf-8")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "email_clicks.jsonl").write_text('{"click_id": ', "utf-8")
    result = reconcile(*arguments)
    assert result.exit_code == code
    assert sentence in result.stderr
    assert "s3cret" not in result.output
    assert "Traceback" not in result.output


def test_a_missing_driver_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only PostgreSQL needs the extra."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    result = reconcile("--postgres", "postgresql://host/x", "--offline")
    assert result.exit_code == 1
    assert "pip install 'tap-cc-clicks[reconcile]'" in result.stderr


def test_a_spent_quota_ends_in_a_sentence(sandbox: Sandbox, tmp_path: Path) -> None:
    """As in a run."""
    folder = write(run_tap(sandbox), tmp_path)
    body = {"error_key": "quota_exceeded"}
    sandbox.faults.rules.append(Fault("status", "/stats/", status=429, body=body))
    result = reconcile("--config", config_of(sandbox, tmp_path), "--jsonl", folder)
    assert result.exit_code == 1
    assert "Error: " in result.stderr
    assert "no requests left today" in result.stderr


@pytest.mark.slow
def test_postgres_is_read_without_optional_columns(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """With live and with loaded counters, and a schema name that needs quotes."""
    output = run_tap(sandbox)
    with Postgres(tmp_path / "postgres") as postgres:
        with psycopg.connect(postgres.url) as connection:
            connection.execute('create schema "Tap ""x"""')
            for stream in STREAMS:
                rows = [
                    {k: v for k, v in one.items() if k != "role"}
                    for one in output.records(stream)
                ]
                columns = "campaign_activity_id text, click_id text, "
                columns += "created_time timestamp, last_refresh_time timestamp, "
                columns += "em_clicks_all bigint"
                connection.execute(
                    f'create table "Tap ""x""".{stream} as '
                    f"select * from json_to_recordset(%s) as landed({columns})",
                    [json.dumps(rows)],
                )
        place = ("--postgres", postgres.sqlalchemy_url, "--schema", 'Tap "x"')
        config = config_of(sandbox, tmp_path)
        loaded = reconcile(*place, "--offline", "--json")
        live = reconcile("--config", config, *place, "--json")
        assert loaded.exit_code == live.exit_code == 0, loaded.output + live.output
        assert loaded.stdout == live.stdout
        assert sum(one["loaded"] for one in json.loads(live.stdout)) == 400
        missing = reconcile("--postgres", postgres.url, "--offline")
        assert "There is no table email_clicks in the schema" in missing.stderr

"""The Dagster example for one account: streams, their models and a check."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from demo.run import query
from demo.stack import Postgres, settings_of, tool
from tests.support import HANGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_cc_clicks.sandbox import Sandbox

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dagster")]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TRANSFORM = str(ROOT / "transform")


class Shop:
    """The example over a simulated account and a PostgreSQL server."""

    def __init__(self, folder: Path, sandbox: Sandbox, postgres: Postgres) -> None:
        """Let dbt write its manifest, as the example's README says."""
        commands = (
            tool("dev", "tap-cc-clicks"),
            tool("targets", "target-postgres"),
            tool("dbt", "dbt"),
        )
        folders = [*(str(Path(one).parent) for one in commands), os.environ["PATH"]]
        self.environment = {
            **os.environ,
            **settings_of(sandbox.config),
            **postgres.dbt_settings,
            "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.sqlalchemy_url,
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "tap_cc_clicks",
            "PGTZ": "UTC",
            "TAP": commands[0],
            "DATA": str(folder / "data"),
            "DAGSTER_HOME": str(folder),
            "DBT_PROJECT_DIR": TRANSFORM,
            "DBT_PROFILES_DIR": TRANSFORM,
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "PATH": os.pathsep.join(folders),
            "PYTHONPATH": str(ROOT / "examples" / "dagster"),
        }
        self.run(commands[2], "parse")

    def run(self, *command: str) -> str:
        """Run a command as the example does, and return its output."""
        return subprocess.run(
            command,
            cwd=ROOT / "examples" / "dagster",
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=HANGS,
            check=True,
        ).stdout

    def job(self) -> dict[str, Any]:
        """Run the job, and return its outcome."""
        script = str(HERE / "in_dagster" / "one_account.py")
        output = self.run(tool("dagster", "python"), script)
        outcome: dict[str, Any] = json.loads(output.splitlines()[-1])
        return outcome


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """Return a server."""
    with Postgres(tmp_path / "postgres") as server:
        yield server


def test_the_job_loads_streams_builds_models_and_checks_them(
    sandbox: Sandbox, postgres: Postgres, tmp_path: Path
) -> None:
    """Twice, the second time with new clicks."""
    shop = Shop(tmp_path, sandbox, postgres)
    for _ in range(2):
        outcome = shop.job()
        assert outcome["success"]
        assert {"email_clicks", "cc_clicks__emails"} <= {*outcome["assets"]}
        (check,) = outcome["checks"]
        assert check == ["cc_clicks__reconciliation", "nothing_is_behind", True]
        (loaded,) = query(postgres, "select count(*) from tap_cc_clicks.email_clicks")
        (built,) = query(
            postgres, "select count(*) from cc_clicks_marts.cc_clicks__clicks"
        )
        assert loaded == built == (len(sandbox.account.rows()),)
        sandbox.account.add_clicks(9)
    above = outcome["above"]
    assert "email_clicks" in above["stg_cc_clicks__email_clicks"]
    assert above["email_clicks"] == []
    assert "int_cc_clicks__click_counts" in above["cc_clicks__reconciliation"]

"""``cc-clicks state`` with real runs, and in a pipe between Meltano commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from demo.stack import tool
from tap_cc_clicks.cli.commands import cc_clicks
from tests.companion import companion
from tests.support import HANGS, clicks, everything, rows, run_tap

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
IN_MELTANO = {
    "MELTANO_ENVIRONMENT": "dev",
    "MELTANO_EXTRACTOR_NAME": "tap-cc-clicks",
}


def reset(state: Any, *arguments: str) -> Any:
    """Return a state after ``cc-clicks state reset``."""
    command = ["state", "reset", *arguments]
    done = CliRunner().invoke(cc_clicks, command, input=json.dumps(state))
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_reset_activity_is_read_again(
    sandbox: Sandbox,
) -> None:
    """With its clicks, links, details and counters, and no others."""
    first = run_tap(sandbox, catalog=everything())
    activity = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    state = reset(first.state, "--activity", activity.campaign_activity_id)
    sandbox.log.clear()
    again = run_tap(sandbox, state, everything())
    assert rows(clicks(again).values()) == rows(one.row for one in activity.clicks)
    assert clicks(again).items() <= clicks(first).items()
    assert len(again.records("email_links")) == len(activity.links)
    (stats,) = again.records("campaign_activity_stats")
    assert stats["campaign_activity_id"] == activity.campaign_activity_id
    assert sandbox.log.counts()["campaign"] == 0
    assert again.records("campaign_activity_details")


@pytest.mark.parametrize("removed", [False, True])
def test_a_reset_campaign_is_looked_up_and_read_again(
    sandbox: Sandbox,
    removed: bool,  # noqa: FBT001
) -> None:
    """Also a removed one, whose reports still exist."""
    first = run_tap(sandbox)
    account = sandbox.account
    activity = max(account.clickable(), key=lambda one: len(one.clicks))
    campaign = account.campaigns[activity.campaign_id]
    if removed:
        account.remove_campaign(campaign)
        first.messages += run_tap(sandbox, first.state).messages
    state = reset(first.state, "--campaign", campaign.campaign_id)
    sandbox.log.clear()
    again = run_tap(sandbox, state)
    expected = [one.row for each in campaign.activities for one in each.clicks]
    assert rows(clicks(again).values()) == rows(expected)
    assert sandbox.log.counts()["campaign"] == 1
    written = {one["campaign_id"] for one in again.records("campaigns")}
    assert campaign.campaign_id in written
    if not removed:
        assert len(again.records("campaign_activities")) == len(campaign.activities)


def test_reset_links_are_read_without_clicks(sandbox: Sandbox) -> None:
    first = run_tap(sandbox, catalog=everything())
    again = run_tap(sandbox, reset(first.state, "--links"), everything())
    assert not again.records("email_clicks")
    assert again.records("email_links") == first.records("email_links")


class Meltano:
    """A separate Meltano project with its state in SQLite."""

    def __init__(self, folder: Path) -> None:
        """Make the project."""
        project = (
            "project_id: test\nsend_anonymous_usage_stats: false\nplugins: {}\n"
            "environments: [{name: dev}]\n"
        )
        (folder / "meltano.yml").write_text(project, "utf-8")
        self._folder = folder
        self.environment = {
            **os.environ,
            "MELTANO_PROJECT_ROOT": str(folder),
            "MELTANO_DATABASE_URI": f"sqlite:///{folder}/meltano.db",
            "PYTHONPATH": str(ROOT),
        }
        self.meltano = tool("meltano", "meltano")

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command as documented."""
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self._folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=HANGS,
            check=False,
        )


@pytest.mark.slow
def test_a_meltano_state_can_be_reset_in_a_pipe(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """A reset that fails leaves Meltano's state unchanged."""
    state = run_tap(sandbox).state
    (tmp_path / "state.json").write_text(json.dumps({"singer_state": state}), "utf-8")
    meltano = Meltano(tmp_path)
    cc = f"{sys.executable} -m tap_cc_clicks.cli state"
    activity = sandbox.account.clickable()[-1].campaign_activity_id
    put = f"{meltano.meltano} state set --force dev:x --input-file"
    get = f"{meltano.meltano} state get dev:x"
    assert meltano.shell(f"{put} state.json").returncode == 0
    reset_unknown = f"{cc} reset state.json --activity unknown"
    failed = meltano.shell(f"{reset_unknown} | {put} /dev/stdin")
    assert failed.returncode == 1
    assert "The state knows no activity unknown" in failed.stderr
    given = f"{get} | tee got.json"
    wanted = f"{cc} reset - --activity {activity}"
    done = meltano.shell(f"{given} | {wanted} | {put} /dev/stdin")
    assert done.returncode == 0, done.stderr
    got = json.loads((tmp_path / "got.json").read_text("utf-8"))
    assert got == {"singer_state": state}
    after = json.loads(meltano.shell(get).stdout)["singer_state"]
    assert after == reset(state, "--activity", activity)


@pytest.mark.slow
def test_a_plan_uses_the_state_of_meltano(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Used to count everything as new."""
    meltano = Meltano(tmp_path)
    for name, value in {**meltano.environment, **IN_MELTANO}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(Path(meltano.meltano).parent), prepend=os.pathsep)
    state = {"singer_state": run_tap(sandbox).state}
    (tmp_path / "state.json").write_text(json.dumps(state), "utf-8")
    put = f"{meltano.meltano} state set --force --input-file state.json"
    assert meltano.shell(f"{put} dev:tap-cc-clicks-to-target-x").returncode == 0
    arguments = ("plan", "--state=meltano", "--json")
    planned = json.loads(companion(tmp_path, sandbox.config, *arguments).stdout)
    assert planned["new"] == planned["unread"] == 0 < planned["looks"]


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ("", "Meltano has no state of this extractor yet"),
        ("dev:a-to-b dev:a-to-c", "Meltano has several states: dev:a-to-b, dev:a-to-c"),
    ],
)
def test_no_or_several_meltano_states_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ids: str, said: str
) -> None:
    """The user has to choose among several."""
    for name, value in IN_MELTANO.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "meltano").write_text(f"#!/bin/sh\necho {ids}\n")
    (tmp_path / "meltano").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    shown = CliRunner().invoke(cc_clicks, ["state", "show"])
    assert said in shown.stderr
    assert shown.exit_code == bool(ids)

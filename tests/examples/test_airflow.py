"""The Airflow example: its DAGs as Airflow loads them, and its task's command."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from demo.stack import settings_of, tool
from tests.support import HANGS, rows

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox

# In one worker, as their shared fixture is slow.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("airflow")]

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
DAGS = EXAMPLES / "airflow" / "dags"
MANIFEST = EXAMPLES / "kubernetes" / "cronjob.yaml"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the DAG as Airflow loads it."""
    home = str(tmp_path_factory.mktemp("airflow"))
    output = subprocess.run(
        [
            tool("airflow", "python"),
            str(HERE / "in_airflow" / "loaded_dag.py"),
            str(DAGS),
        ],
        env={"PATH": os.environ["PATH"], "AIRFLOW_HOME": home},
        stdout=subprocess.PIPE,
        timeout=HANGS,
        check=True,
    ).stdout
    described: dict[str, Any] = json.loads(output.splitlines()[-1])
    return described


def test_the_dags_load_with_their_pool_and_order(loaded: dict[str, Any]) -> None:
    """Each DAG has one run at a time, and a pool limits the tasks."""
    assert loaded["errors"] == {}
    assert set(loaded["dags"]) == {"email_clicks", "email_clicks_in_kubernetes"}
    for dag in loaded["dags"].values():
        assert (dag["schedule"], dag["max_active_runs"]) == ("5 0 * * *", 1)
    tasks = loaded["dags"]["email_clicks"]["tasks"]
    assert set(tasks) == {"accounts", "load"}
    assert tasks["load"] == {
        "after": ["accounts"],
        "pool": "constant_contact_api_key",
        "retries": 2,
    }


def test_the_pod_runs_what_the_manifest_runs(loaded: dict[str, Any]) -> None:
    """The same image, command and secret."""
    manifest = YAML(typ="safe").load(MANIFEST)
    template = manifest["spec"]["jobTemplate"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    (source,) = container["envFrom"]
    assert loaded["pod"] == {
        "image": container["image"],
        "args": container["args"],
        "secrets": [source["secretRef"]["name"]],
    }


def test_the_command_loads_an_account_from_its_state(
    loaded: dict[str, Any], sandbox: Sandbox, tmp_path: Path
) -> None:
    """Neither a failed target nor a spent quota changes its state."""
    commands = tool("dev", "tap-cc-clicks"), tool("singer", "target-jsonl")
    folders = [*(str(Path(one).parent) for one in commands), os.environ["PATH"]]
    settings = settings_of(sandbox.config)
    environment = {
        **settings,
        "PATH": os.pathsep.join(folders),
        "PYTHONPATH": str(HERE.parents[1]),
        "DATA": str(tmp_path),
        "ACCOUNT": "corner-shop",
        "CORNER_SHOP__REFRESH_TOKEN": settings.pop("TAP_CC_CLICKS_REFRESH_TOKEN"),
    }

    def load(**more: str) -> int:
        command = ["bash", "-c", loaded["command"]]
        return subprocess.run(
            command, env={**environment, **more}, timeout=HANGS, check=False
        ).returncode

    folder = tmp_path / "corner-shop"
    assert load(TARGET="false") != 0
    assert not (folder / "state.json").exists()
    assert load() == 0
    waited = (folder / "state.json").stat().st_mtime_ns
    sandbox.limits.per_day = 0
    assert load() == 0
    assert (folder / "state.json").stat().st_mtime_ns == waited
    sandbox.limits.per_day = None
    sandbox.account.add_clicks(9)
    sandbox.log.clear()
    assert load() == 0
    assert sandbox.log.counts()["campaign"] == 0
    lines = [
        json.loads(line)
        for file in folder.glob("email_clicks-*.jsonl")
        for line in file.read_text("utf-8").splitlines()
    ]
    loaded_clicks = {line["click_id"]: line for line in lines}.values()
    assert rows(loaded_clicks) == rows(sandbox.account.rows())

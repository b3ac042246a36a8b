"""Loading rows, running dbt on them, and reading the models."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from demo.stack import ROOT, tool
from tests.commands import output_of
from tests.support import Output

if TYPE_CHECKING:
    from pathlib import Path

TRANSFORM = ROOT / "transform"
BUILD = ROOT / "tests" / "dbt_build.py"
STREAMS = [path.stem for path in (ROOT / "tap_cc_clicks/schemas").glob("*.json")]
EMAIL = ("source_relation", "campaign_activity_id")
KEYS = {
    "cc_clicks__sends": (*EMAIL, "send_number"),
    "cc_clicks__emails": EMAIL,
    "cc_clicks__campaigns": ("source_relation", "campaign_id"),
    "cc_clicks__clicks": ("source_relation", "click_id"),
    "cc_clicks__links": (*EMAIL, "url_id"),
    "cc_clicks__reconciliation": (*EMAIL, "kind"),
    "cc_clicks__events": ("source_relation", "event_type", "event_id"),
    "cc_clicks__recipients": (*EMAIL, "contact_id"),
    "cc_clicks__contacts": ("source_relation", "contact_id"),
}
FINE = {"success", "pass"}
# One test runs the unit tests of the models.
NO_UNITS = ("build", "--exclude-resource-type", "unit_test")
Marts = dict[str, list[dict[str, Any]]]
Told = dict[str, Any]


def land(outputs: list[Output], folder: Path) -> Path:
    """Write records as an appending loader does, with the time of each batch."""
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
    """Run a command of .venv/dbt on the models, with its files in a folder."""
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
    return output_of(*command, env=environment, cwd=folder)


def step(*command: str, **options: Any) -> str:
    """Return a step of tests/dbt_build.py."""
    return json.dumps({"dbt": list(command), **options} if command else options)


def build(kind: str, folder: Path, *steps: str, **settings: str) -> Told:
    """Run steps, or build the rows in a folder; return the results by node."""
    python = tool("dbt", "python")
    steps = steps or (step("build", land=".", keep=kind),)
    lines = dbt(folder, python, str(BUILD), kind, str(folder), *steps, **settings)
    told: Told = json.loads(lines.splitlines()[-1])
    return told


def built(kept: str, folder: Path) -> Marts:
    """Return the rows of the marts, sorted by key."""
    return {
        name: in_order(name, json.loads((folder / kept / f"{name}.json").read_text()))
        for name in KEYS
    }


def in_order(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort rows by their key."""
    return sorted(rows, key=lambda row: [str(row[key]) for key in KEYS[name]])

"""Assets for the streams and the dbt models, and an asset check."""

import json
import os
import shlex
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

# Shared with the example for many accounts.
from agency import pipe

TAP = shlex.split(os.environ.get("TAP", "tap-cc-clicks"))
TARGET = shlex.split(os.environ.get("TARGET", "target-postgres --config=ENV"))
DATA = Path(os.environ.get("DATA", "data")).resolve()
DBT = shlex.split(os.environ.get("DBT", "dbt"))
# dbt's target folder: `dbt parse` must have run once.
WRITTEN = Path(os.environ.get("DBT_TARGET_PATH", "target")).resolve()
# The streams selected by default; with a catalog, list those that it selects.
STREAMS = (
    "campaigns",
    "campaign_summaries",
    "campaign_activities",
    "campaign_activity_details",
    "campaign_activity_stats",
    "email_send_history",
    "email_clicks",
)
RECONCILIATION = "cc_clicks__reconciliation"
BEHIND = "cc_clicks__none_is_behind"


def models() -> Iterator[dg.AssetSpec]:
    """Yield the models in dbt's manifest with their dependencies."""
    manifest = json.loads((WRITTEN / "manifest.json").read_text("utf-8"))
    nodes = {**manifest["nodes"], **manifest["sources"]}
    found = {
        key: node["name"]
        for key, node in nodes.items()
        if node["resource_type"] == "model" or node["name"] in STREAMS
    }
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model":
            parents = filter(None, map(found.get, node["depends_on"]["nodes"]))
            yield dg.AssetSpec(
                node["name"],
                deps=sorted({*parents}),
                description=node["description"],
                group_name="models",
                kinds={"dbt"},
            )


@dg.multi_asset(
    specs=[dg.AssetSpec(one, group_name="streams", kinds={"singer"}) for one in STREAMS]
)
def streams(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Load new data from the last state that the target confirmed."""
    DATA.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    codes = pipe.run(TAP, TARGET, DATA, dict(os.environ), counts)
    context.log.info("Counted by the tap: %s", dict(counts))
    if any(codes):
        message = f"Tap and target ended with {codes}: their log says why"
        raise dg.Failure(message)
    for stream in STREAMS:
        yield dg.MaterializeResult(asset_key=stream)


@dg.multi_asset(
    specs=[*models()],
    check_specs=[dg.AssetCheckSpec("nothing_is_behind", asset=RECONCILIATION)],
)
def dbt_models() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Build and test the models with ``dbt build``."""
    code = subprocess.run([*DBT, "build"], check=False).returncode
    # Results are in order of completion: a model follows its dependencies.
    results = json.loads((WRITTEN / "run_results.json").read_text("utf-8"))["results"]
    named = {one["unique_id"].split(".")[2]: one for one in results}
    for name, one in named.items():
        if one["status"] == "success" and one["unique_id"].startswith("model."):
            yield dg.MaterializeResult(asset_key=name)
    if code:
        message = f"dbt build ended with {code}: its log says why"
        raise dg.Failure(message)
    yield dg.AssetCheckResult(
        check_name="nothing_is_behind",
        asset_key=RECONCILIATION,
        passed=named[BEHIND]["status"] == "pass",
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"emails behind": named[BEHIND]["failures"] or 0},
    )


clicks = dg.define_asset_job("clicks", dg.AssetSelection.all())
every_day = dg.ScheduleDefinition(
    job=clicks, cron_schedule="5 0 * * *", execution_timezone="UTC"
)
defs = dg.Definitions(
    assets=[streams, dbt_models], jobs=[clicks], schedules=[every_day]
)

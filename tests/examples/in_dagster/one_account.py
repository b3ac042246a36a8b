"""Run the job of the Dagster example for one account, and print the outcome.

For Dagster's own environment.
"""

import json
import sys

import dagster as dg
from shop.definitions import clicks, defs

result = defs.resolve_job_def(clicks.name).execute_in_process(
    instance=dg.DagsterInstance.ephemeral(), raise_on_error=False
)
graph = defs.resolve_asset_graph()
outcome = {
    "success": result.success,
    "assets": [
        event.step_materialization_data.materialization.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
    ],
    "checks": [
        [check.asset_key.to_user_string(), check.check_name, check.passed]
        for check in result.get_asset_check_evaluations()
    ],
    "above": {
        key.to_user_string(): sorted(
            parent.to_user_string() for parent in graph.get(key).parent_keys
        )
        for key in graph.get_all_asset_keys()
    },
}
sys.stdout.write(json.dumps(outcome))

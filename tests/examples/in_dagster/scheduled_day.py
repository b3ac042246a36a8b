"""A day of the Dagster example: its schedule's runs, in their order.

For Dagster's own environment; the argument is the resource ``api_key``.
"""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from agency.definitions import clicks, defs, every_day


def main(api_key: dict[str, Any]) -> None:
    """Run the schedule's requests, and print the outcome of each account."""
    instance = dg.DagsterInstance.get()
    tick = every_day.evaluate_tick(
        dg.build_schedule_context(
            instance,
            scheduled_execution_time=datetime.now(UTC),
            repository_def=defs.get_repository_def(),
        )
    )
    outcomes = []
    for request in tick.run_requests or []:
        result = defs.resolve_job_def(clicks.name).execute_in_process(
            run_config={"resources": {"api_key": {"config": api_key}}},
            partition_key=request.partition_key,
            instance=instance,
            raise_on_error=False,
        )
        outcomes.append(
            {
                "account": request.partition_key,
                "success": result.success,
                "loaded": len(result.get_asset_materialization_events()),
                "retries": result.retry_attempts_for_node("email_clicks"),
            }
        )
    sys.stdout.write(json.dumps(outcomes))


main(json.loads(sys.argv[1]))

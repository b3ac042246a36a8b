"""Print what Airflow makes of the example's folder of DAGs.

For Airflow's own environment; the argument is the folder.
"""

import json
import sys

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions.mappedoperator import MappedOperator

bag = DagBag(sys.argv[1])
(dag,) = bag.dags.values()
load = dag.get_task("load")
if not isinstance(load, MappedOperator):
    sys.exit("load is not mapped over the accounts")
described = {
    "errors": bag.import_errors,
    "dag": dag.dag_id,
    "schedule": dag.schedule,
    "max_active_runs": dag.max_active_runs,
    "tasks": {
        task.task_id: {
            "after": sorted(task.upstream_task_ids),
            "pool": task.pool,
            "retries": task.retries,
        }
        for task in dag.tasks
    },
    "command": load.partial_kwargs["bash_command"],
}
sys.stdout.write(json.dumps(described))

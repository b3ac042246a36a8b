"""Print the DAGs of the example's folder as Airflow loads them.

For Airflow's own environment; the argument is the folder.
"""

import json
import sys

from airflow.dag_processing.dagbag import DagBag
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk.definitions.mappedoperator import MappedOperator

bag = DagBag(sys.argv[1])
load = bag.dags["email_clicks"].get_task("load")
if not isinstance(load, MappedOperator):
    sys.exit("load is not mapped over the accounts")
pod = bag.dags["email_clicks_in_kubernetes"].get_task("load")
if not isinstance(pod, KubernetesPodOperator):
    sys.exit("load runs in no pod")
described = {
    "errors": bag.import_errors,
    "dags": {
        dag.dag_id: {
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
        }
        for dag in bag.dags.values()
    },
    "command": load.partial_kwargs["bash_command"],
    "pod": {
        "image": pod.image,
        "args": pod.arguments,
        "secrets": [one.secret for one in pod.secrets],
    },
}
sys.stdout.write(json.dumps(described))

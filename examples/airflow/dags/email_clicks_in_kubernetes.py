"""Load one account and build the models once a day, in a pod of the image."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.secret import Secret
from airflow.sdk import DAG

with DAG(
    "email_clicks_in_kubernetes",
    schedule="5 0 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # Two runs of one account would start from the same state.
    max_active_runs=1,
):
    KubernetesPodOperator(
        task_id="load",
        name="cc-clicks",
        image="tap-cc-clicks:0.1.0",
        arguments=["run", "clicks-to-postgres-models"],
        # Its keys become environment variables: docs/deployment.md lists them.
        secrets=[Secret("env", None, "cc-clicks")],  # type: ignore[no-untyped-call]
        retries=1,
        retry_delay=timedelta(minutes=5),
        # Time to finish a token refresh and to write state.
        termination_grace_period=60,
        automount_service_account_token=False,
    )

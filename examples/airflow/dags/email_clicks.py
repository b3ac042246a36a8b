"""Load all accounts' clicks once a day, within the limits of their shared API key."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag, task

# The state is replaced only by a complete, confirmed state that differs from it. So the
# file's age shows how long an account has waited.
LOAD = """
set -o pipefail
mkdir -p "$DATA/$ACCOUNT" && cd "$DATA/$ACCOUNT"
token="${ACCOUNT^^}__REFRESH_TOKEN"
token="${token//-/_}"
export TAP_CC_CLICKS_REFRESH_TOKEN="${!token}"
export TAP_CC_CLICKS_TOKEN_STORE="$PWD/tokens.json"
state=()
[ -e state.json ] && state=(--state state.json)
tap-cc-clicks --config ENV "${state[@]}" | ${TARGET:-target-jsonl} | tail -n 1 > last
code=$?
# Sorted, since the order of keys may vary.
if python3 -m json.tool --sort-keys --no-indent last new 2> /dev/null; then
    cmp -s new state.json || mv new state.json
fi
exit $code
"""


def waited(account: str) -> float:
    """Return when an account's state last changed; 0 if it has none."""
    state = Path(os.environ["DATA"], account, "state.json")
    return state.stat().st_mtime if state.exists() else 0


@dag(
    schedule="5 0 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # Two runs of one account would start from the same state.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
)
def email_clicks() -> None:
    """Load one account after the other, the one that has waited longest first."""

    @task
    def accounts() -> list[dict[str, str]]:
        """Return the environment of each account's task."""
        names = Path(os.environ["ACCOUNTS"]).read_text("utf-8").split()
        return [{"ACCOUNT": name} for name in sorted(names, key=waited)]

    BashOperator.partial(
        task_id="load",
        bash_command=LOAD,
        append_env=True,
        pool="constant_contact_api_key",
        map_index_template="{{ task.env['ACCOUNT'] }}",
    ).expand(env=accounts())


email_clicks()

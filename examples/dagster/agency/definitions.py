"""An asset partitioned by account, within the accounts' shared limits."""

import os
import shlex
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from agency import pipe

ROOT = Path(__file__).parents[1]
ACCOUNTS = Path(os.environ.get("ACCOUNTS", ROOT / "accounts.txt")).read_text().split()
EMAIL_CLICKS = dg.AssetKey("email_clicks")
REQUESTS = "http_request_count"
# The tap's exit codes after SIGINT and SIGTERM.
INTERRUPTED = (130, 143)
RECORDS_AT_ONCE = 1000


class ApiKey(dg.ConfigurableResource[None]):
    """The limits of an API key, shared by all accounts."""

    # The API's 4 requests a second, divided by the limit of the pool.
    requests_per_second: float = 4
    requests_per_day: int = 10_000
    # An account's first load leaves the rest of the daily quota to the others.
    requests_per_run: int = 5_000

    def budget(self, instance: dg.DagsterInstance) -> int:
        """Return the number of requests a run may make now."""
        left = self.requests_per_day - spent_today(instance)
        return min(left, self.requests_per_run)


class Singer(dg.ConfigurableResource[None]):
    """The commands, and the folder of the accounts' states and tokens."""

    tap: str = "tap-cc-clicks"
    target: str = os.environ.get("TARGET", "target-jsonl")
    folder: str = os.environ.get("DATA", str(ROOT / "data"))

    def run(
        self, account: str, settings: dict[str, object], counts: Counter[str]
    ) -> tuple[int, int]:
        """Run tap and target for an account; return their exit codes."""
        folder = Path(self.folder, account).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            **settings_of(account),
            "TOKEN_STORE": folder / "tokens.json",
            **settings,
        }
        environment = {
            **os.environ,
            "ACCOUNT": account,
            **{f"TAP_CC_CLICKS_{name}": str(value) for name, value in settings.items()},
        }
        commands = shlex.split(self.tap), shlex.split(self.target)
        return pipe.run(*commands, folder, environment, counts)


def settings_of(account: str) -> dict[str, object]:
    """Return an account's own settings: ``BAKERY__REFRESH_TOKEN`` for bakery."""
    prefix = f"{account}__".upper().replace("-", "_")
    return {
        name.removeprefix(prefix): value
        for name, value in os.environ.items()
        if name.startswith(prefix)
    }


def spent_today(instance: dg.DagsterInstance) -> int:
    """Return the number of requests recorded by all runs since the API's day began."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = dg.AssetRecordsFilter(EMAIL_CLICKS, after_timestamp=midnight.timestamp())
    spent, cursor, more = 0, None, True
    while more:
        page = instance.fetch_observations(today, RECORDS_AT_ONCE, cursor)
        for record in page.records:
            if observation := record.asset_observation:
                spent += int(str(observation.metadata[REQUESTS].value))
        cursor, more = page.cursor, page.has_more
    return spent


@dg.asset(
    key=EMAIL_CLICKS,
    partitions_def=dg.StaticPartitionsDefinition(ACCOUNTS),
    pool="constant_contact_api_key",
    # Without delay: the tap has waited for the API, and a waiting run blocks the pool.
    retry_policy=dg.RetryPolicy(max_retries=2),
    output_required=False,
    kinds={"singer"},
)
def email_clicks(
    context: dg.AssetExecutionContext, api_key: ApiKey, singer: Singer
) -> Iterator[dg.MaterializeResult[None]]:
    """The clicks of an account's emails, within the daily quota."""
    budget = api_key.budget(context.instance)
    if budget <= 0:
        context.log.warning("The day's requests are spent: this account is next")
        return
    settings: dict[str, object] = {
        "REQUESTS_PER_SECOND": api_key.requests_per_second,
        "MAX_REQUESTS": budget,
    }
    counts: Counter[str] = Counter()
    try:
        codes = singer.run(context.partition_key, settings, counts)
    finally:
        context.log_event(
            dg.AssetObservation(
                context.asset_key,
                partition=context.partition_key,
                metadata={REQUESTS: counts[REQUESTS]},
            )
        )
    if any(codes):
        again = codes[0] not in INTERRUPTED and api_key.budget(context.instance) > 0
        message = f"Tap and target ended with {codes}: their log says why"
        raise dg.Failure(message, allow_retries=again)
    yield dg.MaterializeResult(metadata=dict(counts))


clicks = dg.define_asset_job("clicks", [email_clicks])


@dg.schedule(job=clicks, cron_schedule="5 0 * * *", execution_timezone="UTC")
def every_day(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request a run of each account, the one that has waited longest first."""
    latest = context.instance.get_latest_storage_id_by_partition(
        EMAIL_CLICKS, dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    day = context.scheduled_execution_time.date()
    for account in sorted(ACCOUNTS, key=lambda account: latest.get(account, 0)):
        yield dg.RunRequest(run_key=f"{day} {account}", partition_key=account)


defs = dg.Definitions(
    assets=[email_clicks],
    jobs=[clicks],
    schedules=[every_day],
    resources={"api_key": ApiKey(), "singer": Singer()},
)

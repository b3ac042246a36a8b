"""The Dagster example over several simulated accounts that share one API key."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from demo.stack import tool
from tap_cc_clicks.sandbox import Sandbox, generate
from tap_cc_clicks.sandbox.limits import Limits
from tests.support import HANGS, rows

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "dagster"
ACCOUNTS = ("bakery", "bookshop", "florist")
PER_DAY = 34
MOST_DAYS = 8


class Agency:
    """Simulated accounts behind one API key, and a Dagster instance.

    Args:
        folder: The folder of Dagster, states and clicks.
        stack: Stops the servers.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Start a server for each account; all share the same limits."""
        self.limits = Limits()
        self.folder = folder
        self.sandboxes = {
            name: stack.enter_context(
                Sandbox(generate(seed, 4, 60), limits=self.limits)
            )
            for seed, name in enumerate(ACCOUNTS)
        }
        shutil.copy(EXAMPLE / "dagster.yaml", folder)
        (folder / "accounts.txt").write_text("\n".join(ACCOUNTS), "utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the example's README, and the path of the commands."""
        commands = tool("dev", "tap-cc-clicks"), tool("singer", "target-jsonl")
        folders = [*(str(Path(one).parent) for one in commands), os.environ["PATH"]]
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.folder),
            "ACCOUNTS": str(self.folder / "accounts.txt"),
            "DATA": str(self.folder / "data"),
            "PATH": os.pathsep.join(folders),
            "PYTHONPATH": os.pathsep.join([str(EXAMPLE), str(HERE.parents[1])]),
            **{
                f"{name}__{key}".upper(): str(value)
                for name, sandbox in self.sandboxes.items()
                for key, value in sandbox.config.items()
            },
        }

    def run(self, command: str, *arguments: str, **more: str) -> str:
        """Run a command of Dagster's environment, and return its output."""
        return subprocess.run(
            [tool("dagster", command), *arguments],
            cwd=EXAMPLE,
            env={**self.environment, **more},
            stdout=subprocess.PIPE,
            text=True,
            timeout=HANGS,
            check=True,
        ).stdout

    def day(self, **more: str) -> list[dict[str, Any]]:
        """Run a day's schedule, with a new daily quota of the API key."""
        self.limits.per_day = (self.limits.per_day or 0) + PER_DAY
        api_key = {
            "requests_per_second": 1000,
            # As no test waits for midnight, the days' quotas add up.
            "requests_per_day": self.limits.per_day,
            "requests_per_run": 30,
        }
        script = str(HERE / "in_dagster" / "scheduled_day.py")
        output = self.run("python", script, json.dumps(api_key), **more)
        outcomes: list[dict[str, Any]] = json.loads(output)
        return outcomes

    def launch(self, *arguments: str) -> None:
        """Queue runs."""
        job = ("-m", "agency.definitions", "-j", "clicks")
        self.run("dagster", "job", *arguments, *job)

    @contextmanager
    def daemon(self) -> Generator[None]:
        """Run Dagster's daemon, which starts queued runs."""
        command = [tool("dagster", "dagster-daemon"), "run", "-m", "agency.definitions"]
        with (
            (self.folder / "daemon.log").open("wb") as log,
            subprocess.Popen(
                command, cwd=EXAMPLE, env=self.environment, stdout=log, stderr=log
            ) as daemon,
        ):
            try:
                yield
            finally:
                daemon.terminate()

    def clicks(self, account: str) -> list[dict[str, Any]]:
        """Return the clicks that were loaded, as an upserting loader stores them."""
        folder = self.folder / "data" / account
        lines = [
            json.loads(line)
            for file in sorted(folder.glob("email_clicks-*.jsonl"))
            for line in file.read_text("utf-8").splitlines()
        ]
        return list({line["click_id"]: line for line in lines}.values())

    def complete(self) -> bool:
        """Return whether each account's clicks were loaded, and no others."""
        return all(
            rows(self.clicks(name)) == rows(sandbox.account.rows())
            for name, sandbox in self.sandboxes.items()
        )

    def refused(self) -> float:
        """Return the share of requests that were answered with 429."""
        statuses = [
            status
            for sandbox in self.sandboxes.values()
            for _, status in sandbox.log.entries
        ]
        return statuses.count(429) / len(statuses)


@pytest.fixture
def agency(tmp_path: Path) -> Iterator[Agency]:
    """Return the running accounts."""
    with ExitStack() as stack:
        yield Agency(tmp_path, stack)


def test_all_accounts_are_loaded_within_a_shared_quota(agency: Agency) -> None:
    """An account that got no requests comes first the next day."""
    days = [agency.day()]
    while not agency.complete() and len(days) < MOST_DAYS:
        days.append(agency.day())
    assert agency.complete()
    assert all(one["success"] for day in days for one in day)
    assert agency.refused() == 0
    waited = [one["account"] for one in days[0] if not one["loaded"]]
    assert waited
    assert [one["account"] for one in days[1]][: len(waited)] == waited
    agency.sandboxes["bakery"].account.add_clicks(20)
    assert all(one["loaded"] for one in agency.day())
    assert agency.complete()


def test_a_failed_run_is_retried_and_counts_against_the_quota(
    agency: Agency,
) -> None:
    """Its requests are spent, even if the target stores nothing."""
    bakery, *others = agency.day(TARGET="sh -c 'cat > /dev/null; exit 1'")
    assert (bakery["success"], bakery["loaded"], bakery["retries"]) == (False, 0, 1)
    assert not any(one["loaded"] for one in others)
    assert agency.limits.used == PER_DAY
    assert agency.refused() == 0
    assert not list((agency.folder / "data").glob("*/state.json"))


def test_queued_runs_wait_for_the_api_key_and_for_their_account(
    agency: Agency,
) -> None:
    """With a pool of two, never three runs at once, nor two of one account."""
    agency.run(
        "dagster", "instance", "concurrency", "set", "constant_contact_api_key", "2"
    )
    with agency.daemon(), ThreadPoolExecutor() as pool:
        pool.submit(agency.launch, "backfill", "--noprompt")
        pool.submit(
            agency.launch, "launch", "--tags", '{"dagster/partition": "bakery"}'
        )
        ended = pool.submit(
            agency.run, "python", str(HERE / "in_dagster" / "ended_runs.py"), "4"
        )
        runs = json.loads(ended.result())
    assert sorted(name for name, _, _, _ in runs) == ["bakery", *ACCOUNTS]
    assert {status for _, status, _, _ in runs} == {"SUCCESS"}
    for account, _, start, _ in runs:
        under_way = [name for name, _, since, until in runs if since <= start < until]
        assert len(under_way) <= 2
        assert under_way.count(account) == 1
    assert agency.complete()

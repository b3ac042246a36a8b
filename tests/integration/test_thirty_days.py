"""A month of daily runs with faults and changes; the warehouse must be complete."""

from __future__ import annotations

import json
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from singer_sdk.exceptions import SingerSDKError

from demo.stack import Postgres
from tap_cc_clicks.sandbox import Fault, Sandbox, generate
from tap_cc_clicks.sandbox.oauth import Tokens
from tap_cc_clicks.tap import TapCCClicks
from tests.child import often
from tests.support import TRUTH, Output, captured, clock, rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_cc_clicks.sandbox.account import Campaign

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_waiting")]
DAYS = 30
QUIET_DAYS = 3
# The requests that others have left of the quota on these days.
QUOTA_DAYS = {9: 3, 10: 7, 23: 5}
CRASH_DAYS = {5, 14, 26}
REMOVAL_DAYS = {12, 20}
# Removed campaigns are restored later, with their clicks.
RESTORED_DAYS = {15, 24}
# An email's report, and a campaign, cannot be read on these days.
FAILING_DAYS = {4, 21}
VANISHING_DAYS = {13, 14}
LAG_FROM = 16
LAG = timedelta(hours=3)
Row = dict[str, Any]


class Month:
    """An account that changes day by day, and the pipeline that loads it.

    Args:
        store: The token store.
    """

    def __init__(self, store: Path) -> None:
        """Start with an account that has a history."""
        self.account = generate(11, campaigns=14, clicks=250)
        self.tokens = Tokens(rotating=True)
        self.sandbox = Sandbox(self.account, tokens=self.tokens)
        self.settings = {
            **self.sandbox.config,
            "token_store": str(store),
            # Too few to look at all of some 25 emails in each run.
            "look_requests_per_day": 4,
            "page_size": 40,
        }
        self.state: dict[str, Any] = {}
        self.failed: list[int] = []
        self.cut_short: list[int] = []
        self._removed: list[Campaign] = []
        self._random = random.Random(5)
        self._tokens_end_in = 0

    def pass_a_day(self, day: int) -> None:
        """Add the sends, clicks, late clicks and removals of a day."""
        account = self.account
        account.advance(hours=self._random.uniform(22, 26))
        if day % 3 == 0:
            account.add_campaign(sent=account.now - timedelta(hours=3))
        if day % 7 == 0:
            account.resend(self._sent()[-2])
        if day in REMOVAL_DAYS:
            # A campaign that earlier runs have read.
            self._removed.append(self._sent()[0])
            account.remove_campaign(self._removed[-1])
        if day in RESTORED_DAYS:
            self._restore(self._removed.pop(0))
        self._break(day)
        if day == LAG_FROM:
            account.stats_lag = LAG
        if day % 4 == 0:
            contact = self._random.choice(account.contacts)
            account.delete_contact(contact["contact_id"])
        account.add_clicks(self._random.randint(5, 25))
        for _ in range(self._random.randint(0, 3)):
            self._click(hours=self._random.uniform(20, 200))

    def _restore(self, campaign: Campaign) -> None:
        campaign.current_status, campaign.updated_at = "Done", self.account.now
        self.account.add_click(campaign.activities[0])

    def _break(self, day: int) -> None:
        """Let reports fail on some days, and be missing on others."""
        newest, older = self._sent()[-1], self._sent()[-3]
        status = 500 if day in FAILING_DAYS else 404
        self.sandbox.faults.rules[:] = [
            Fault("status", match=match, status=status)
            for match in (
                f"{newest.activities[0].campaign_activity_id}/tracking",
                f"/emails/{older.campaign_id}",
            )
            if day in FAILING_DAYS | VANISHING_DAYS
        ]

    def _sent(self) -> list[Campaign]:
        ids = dict.fromkeys(one.campaign_id for one in self.account.clickable())
        return [self.account.campaigns[campaign_id] for campaign_id in ids]

    def _click(self, hours: float) -> None:
        activity = self._random.choice(self.account.clickable())
        sent = self.account.campaigns[activity.campaign_id].created_at
        when = max(sent, self.account.now - timedelta(hours=hours))
        self.account.add_click(activity, when)

    def load(self, day: int, warehouse: Warehouse) -> None:
        """Run the tap with the limits of a day, into the warehouse."""
        self.sandbox.limits.used = 0
        self.sandbox.limits.per_day = QUOTA_DAYS.get(day, 10_000)
        self.sandbox.on_request = self._during if day <= DAYS else None
        self._tokens_end_in = 6
        messages = self._run(day)
        if day in CRASH_DAYS:
            # The machine crashed: only these messages had arrived.
            del messages[self._random.randrange(len(messages)) :]
        for message in messages:
            if message["type"] == "STATE":
                self.state = message["value"]
        warehouse.upsert(Output(messages).records("email_clicks"))
        if self.sandbox.log.statuses()[429]:
            self.cut_short.append(day)
        self.sandbox.log.clear()

    def _run(self, day: int) -> list[Row]:
        wrong_by = self.account.now.timestamp() - time.time()
        state = json.loads(json.dumps(self.state))
        with clock(lambda: wrong_by), captured() as output:
            try:
                TapCCClicks(config=dict(self.settings), state=state).sync_all()
            except SingerSDKError:
                self.failed.append(day)
        return output.messages

    def _during(self, _: str) -> None:
        """Add clicks during a run, and let the token expire in its middle."""
        if self._random.random() < 0.03:
            self._click(hours=0)
        self._tokens_end_in -= 1
        if self._tokens_end_in == 0:
            self.tokens.expire_all()


class Warehouse:
    """The newest version of each click, by key."""

    def __init__(self) -> None:
        self._clicks: dict[str, Row] = {}

    def upsert(self, records: list[Row]) -> None:
        """Replace the records with the same keys."""
        self._clicks.update({record["click_id"]: record for record in records})

    def rows(self) -> list[Row]:
        """Return all rows."""
        return list(self._clicks.values())


class PostgresWarehouse(Warehouse):
    """The same in PostgreSQL, as an upserting loader stores it."""

    COLUMNS = ("click_id", *TRUTH)

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        columns = sql.SQL(", ").join(
            sql.SQL("{} text").format(sql.Identifier(name)) for name in self.COLUMNS
        )
        create = "create table email_clicks ({}, primary key (click_id))"
        connection.execute(sql.SQL(create).format(columns))
        names = [sql.Identifier(name) for name in self.COLUMNS]
        self._upsert = sql.SQL(
            "insert into email_clicks ({}) values ({}) "
            "on conflict (click_id) do update set ({}) = row({})"
        ).format(
            sql.SQL(", ").join(names),
            sql.SQL(", ").join(map(sql.Placeholder, self.COLUMNS)),
            sql.SQL(", ").join(names),
            sql.SQL(", ").join(sql.SQL("excluded.{}").format(name) for name in names),
        )

    def upsert(self, records: list[Row]) -> None:
        """Upsert, in one transaction."""
        values = [
            {name: record.get(name) for name in self.COLUMNS} for record in records
        ]
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(self._upsert, values)

    def rows(self) -> list[Row]:
        """Return all rows."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute("select * from email_clicks").fetchall()


@pytest.fixture
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """Return a warehouse of the kind asked for."""
    if request.param == "memory":
        yield Warehouse()
        return
    with (
        Postgres(tmp_path / "postgres") as server,
        psycopg.connect(server.url, autocommit=True) as connection,
    ):
        yield PostgresWarehouse(connection)


@pytest.mark.parametrize("warehouse", ["postgres", "memory"], indirect=["warehouse"])
def test_after_thirty_days_the_warehouse_is_complete(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    warehouse: Warehouse,
) -> None:
    """Tokens rotate and expire, quotas are spent, machines crash, counters lag."""
    # A crash needs an earlier state to return to.
    often(monkeypatch.setattr, 20)
    month = Month(tmp_path / "tokens.json")
    with month.sandbox:
        for day in range(1, DAYS + 1):
            month.pass_a_day(day)
            month.load(day, warehouse)
        month.account.stats_lag = timedelta(0)
        for day in range(DAYS + 1, DAYS + 1 + QUIET_DAYS):
            month.account.advance(days=1)
            month.load(day, warehouse)
    assert set(month.failed) <= FAILING_DAYS | VANISHING_DAYS
    assert month.failed
    assert month.cut_short == sorted(QUOTA_DAYS)
    assert month.tokens.renewals >= DAYS
    assert len(month.account.rows()) > 600
    assert rows(warehouse.rows()) == rows(month.account.rows())

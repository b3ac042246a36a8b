"""``meltano run`` into a real PostgreSQL, compared with the account."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from demo.stack import Meltano, Postgres, settings_of
from tap_cc_clicks.sandbox import Sandbox, generate
from tests.support import rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """Return a server of its own, in a time zone that must not matter."""
    with Postgres(tmp_path / "postgres") as running:
        with psycopg.connect(running.url) as connection:
            connection.execute(
                "alter database postgres set timezone to 'America/New_York'"
            )
        yield running


def landed(postgres: Postgres) -> list[dict[str, Any]]:
    """Return the clicks in the warehouse, their moments as the API writes them."""
    columns = (
        "campaign_activity_id, contact_id, url_id, link_url, device_type, "
        "email_address, first_name, last_name, "
        'to_char(created_time, \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\')'
    )
    with psycopg.connect(postgres.url) as connection:
        cursor = connection.execute(
            f"select {columns} as created_time from cc_clicks.email_clicks".encode()
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_two_runs_load_every_click_once(tmp_path: Path, postgres: Postgres) -> None:
    """With clicks added, late ones among them, and an email sent, in between."""
    account = generate(campaigns=20, clicks=600)
    with Sandbox(account) as sandbox:
        settings = settings_of(sandbox.config)
        settings["TARGET_POSTGRES_SQLALCHEMY_URL"] = postgres.sqlalchemy_url
        meltano = Meltano(tmp_path, settings)
        meltano("install", "extractor", "tap-cc-clicks")
        meltano("install", "loader", "target-postgres")
        meltano("run", "tap-cc-clicks", "target-postgres")
        assert rows(landed(postgres)) == rows(account.rows())
        account.advance(hours=20)
        account.add_clicks(40)
        late = account.clickable()[3]
        account.add_click(late, account.now - timedelta(days=9))
        account.add_click(account.add_campaign().activities[0])
        sandbox.log.clear()
        meltano("run", "tap-cc-clicks", "target-postgres")
        assert rows(landed(postgres)) == rows(account.rows())
        assert sandbox.log.counts()["clicks"] <= 8

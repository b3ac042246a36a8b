"""``make demo``: Meltano loads a simulated account twice into a real PostgreSQL."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from demo.stack import Meltano, Postgres, settings_of
from tap_cc_clicks.cli.charts import chart
from tap_cc_clicks.sandbox import Sandbox, generate

LOOK_AGAIN = (
    "  .venv/dev/bin/python -m demo.psql 'select * from cc_clicks.email_clicks'"
)
DATA = Path(__file__).parent / "data"
NEW_CLICKS = 250
TOP_LINKS = """
    select link_url, count(*), count(distinct contact_id)
    from cc_clicks.email_clicks group by 1 order by 2 desc limit 8
"""
BY_DEVICE = """
    select coalesce(device_type, '(unknown)'), count(*)
    from cc_clicks.email_clicks group by 1 order by 2 desc
"""
BY_HOUR = """
    select to_char(created_time, 'HH24:00'), count(*)
    from cc_clicks.email_clicks group by 1 order by 1
"""
COUNT = "select count(*) from cc_clicks.email_clicks"
console = Console()


def main() -> None:
    """Run the demo; end with 1 and Meltano's last lines if something fails."""
    if DATA.exists():
        shutil.rmtree(DATA)
    DATA.mkdir()
    try:
        with Sandbox(generate()) as sandbox, Postgres(DATA / "postgres") as postgres:
            load_twice(sandbox, postgres)
            show(postgres)
    except subprocess.CalledProcessError as error:
        console.print(f"[red]Meltano failed ({error.returncode}).[/] Its last lines:")
        console.print(error.output, markup=False)
        sys.exit(1)
    console.print(
        f"\nThe data stay in {DATA / 'postgres'}. To look again:\n{LOOK_AGAIN}",
        markup=False,
        soft_wrap=True,
    )


def load_twice(sandbox: Sandbox, postgres: Postgres) -> None:
    """Load the account, let people click, and load what is new."""
    meltano = Meltano(
        DATA,
        {
            **settings_of(sandbox.config),
            "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.sqlalchemy_url,
        },
    )
    console.print(f"Meltano's log: {meltano.log}", markup=False, soft_wrap=True)
    console.print("Installing tap-cc-clicks and target-postgres …")
    meltano("install", "extractor", "tap-cc-clicks")
    meltano("install", "loader", "target-postgres")
    runs = Table(
        "Run", "Requests", "of which", "Clicks in PostgreSQL", "in the account"
    )
    for name in ("first", "second"):
        console.print(
            f"{name.title()} run: meltano run tap-cc-clicks target-postgres …"
        )
        sandbox.log.clear()
        meltano("run", "tap-cc-clicks", "target-postgres")
        counts = sandbox.log.counts()
        runs.add_row(
            name,
            str(counts.total()),
            ", ".join(f"{number} {kind}" for kind, number in counts.most_common()),
            str(query(postgres, COUNT)[0][0]),
            str(len(sandbox.account.rows())),
        )
        if name == "first":
            sandbox.account.advance(hours=6)
            sandbox.account.add_clicks(NEW_CLICKS)
            console.print(f"Six hours later, {NEW_CLICKS} new clicks.")
    console.print(runs)


def show(postgres: Postgres) -> None:
    """Show what landed."""
    links = Table("Link", "Clicks", "People", title="Top links")
    for link, clicks, people in query(postgres, TOP_LINKS):
        links.add_row(str(link), str(clicks), str(people))
    console.print(links)
    chart(console, "Clicks by device", query(postgres, BY_DEVICE))
    chart(console, "Clicks by hour (UTC)", query(postgres, BY_HOUR))


def query(postgres: Postgres, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with psycopg.connect(postgres.url) as connection:
        return connection.execute(sql.encode()).fetchall()


if __name__ == "__main__":
    main()

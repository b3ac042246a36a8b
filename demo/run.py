"""``make demo``: Meltano loads a simulated account into PostgreSQL twice."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from rich.console import Console
from rich.table import Table

from demo.stack import Meltano, Postgres, settings_of
from tap_cc_clicks.cli.charts import chart
from tap_cc_clicks.cli.commands import cc_clicks
from tap_cc_clicks.cli.drawing import steps
from tap_cc_clicks.cli.report import FUNNEL
from tap_cc_clicks.sandbox import Sandbox, shop

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox.account import Account

LOOK_AGAIN = (
    "  .venv/dev/bin/python -m demo.psql "
    "'select * from cc_clicks_marts.cc_clicks__clicks'"
)
DATA = Path(__file__).parent / "data"
MARTS = "cc_clicks_marts"
NEW_CLICKS = 90
EMAILS = """
    select campaign_name || case role when 'resend' then ' (resend)' else '' end,
        loaded_clicks, loaded_human_clicks,
        to_char(100 * click_rate, 'FM990.0') || ' %',
        to_char(100 * click_to_open_rate, 'FM990.0') || ' %'
    from cc_clicks_marts.cc_clicks__emails
    where loaded_clicks > 0 order by last_clicked_at desc limit 6
"""
LINKS = """
    select link_host || link_path, sum(loaded_clicks), sum(loaded_human_clicks)
    from cc_clicks_marts.cc_clicks__links
    group by 1 order by 2 desc limit 6
"""
BY_DEVICE = """
    select coalesce(device_type, '(unknown)'), count(*)
    from cc_clicks_marts.cc_clicks__clicks
    where not is_likely_machine group by 1 order by 2 desc
"""
BY_HOUR = """
    select to_char(clicked_at, 'HH24:00'), count(*)
    from cc_clicks_marts.cc_clicks__clicks
    where not is_likely_machine group by 1 order by 1
"""
VERDICTS = """
    select verdict, count(*), sum(loaded), sum(counted)
    from cc_clicks_marts.cc_clicks__reconciliation
    where kind = 'click' group by 1 order by 1
"""
# Labels of requests, where they differ from the simulator's endpoint names.
WORDS = {
    "campaigns": "listing",
    "campaign": "campaigns",
    "activity": "emails",
    "stats": "counters of ten",
    "send_history": "send histories",
    "optouts": "opt-outs",
}
COUNT = "select count(*) from cc_clicks.email_clicks"
PLUGINS = ("tap-cc-clicks", "target-postgres", "dbt-postgres")
STEPS = ("tap-cc-clicks", "target-postgres", "dbt-postgres:build")
console = Console()


def main() -> None:
    """Run the demo; if Meltano fails, print its last lines and exit with 1."""
    if DATA.exists():
        shutil.rmtree(DATA)
    DATA.mkdir()
    try:
        with Sandbox(shop.shop()) as sandbox, Postgres(DATA / "postgres") as postgres:
            load_twice(sandbox, postgres)
            show(postgres)
            write_page(postgres)
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
    """Load the account, add clicks, and load the new ones."""
    meltano = Meltano(
        DATA,
        {
            **settings_of(sandbox.config),
            **postgres.dbt_settings,
            "TAP_CC_CLICKS__SELECT": '["*.*"]',
            "TARGET_POSTGRES_SQLALCHEMY_URL": postgres.sqlalchemy_url,
        },
    )
    console.print(f"Meltano's log: {meltano.log}", markup=False, soft_wrap=True)
    console.print(f"Installing {', '.join(PLUGINS)} …")
    meltano("install", *PLUGINS)
    runs = Table("Run", "Requests", "for", "Clicks in PostgreSQL", "in the account")
    for name in ("first", "second"):
        console.print(f"{name.title()} run: meltano run {' '.join(STEPS)} …")
        sandbox.log.clear()
        meltano("run", *STEPS)
        counts = sandbox.log.counts()
        runs.add_row(
            name,
            str(counts.total()),
            "\n".join(
                f"{WORDS.get(kind, kind)}: {number}"
                for kind, number in counts.most_common()
            ),
            str(query(postgres, COUNT)[0][0]),
            str(len(sandbox.account.rows())),
        )
        if name == "first":
            six_hours_later(sandbox.account)
    console.print(runs)


def six_hours_later(account: Account) -> None:
    """Simulate a new email with opens, and with clicks by people and machines."""
    account.advance(hours=5)
    campaign = shop.send(account, shop.EMAILS[3])
    account.add_scans(campaign.activities[0])
    account.advance(hours=1)
    shop.read(account, campaign.activities[0])
    account.add_clicks(NEW_CLICKS)
    console.print(
        f"Six hours later: a new email, {NEW_CLICKS} clicks by people, and mail "
        "servers that try every link."
    )


def show(postgres: Postgres) -> None:
    """Show results from the dbt models."""
    (name, _, _, *counts, _), *_ = query(postgres, FUNNEL.query.format(MARTS))
    chart(console, f"The latest email: {name}", steps(counts))
    emails = Table(
        *("Email", "Clicks", "by people", "Click-through", "Click-to-open"),
        title="Emails clicked last",
    )
    for row in query(postgres, EMAILS):
        emails.add_row(*map(str, row))
    console.print(emails)
    links = Table("Link", "Clicks", "by people", title="Top links")
    for row in query(postgres, LINKS):
        links.add_row(*map(str, row))
    console.print(links)
    chart(console, "Clicks by device", query(postgres, BY_DEVICE))
    chart(console, "Clicks by hour (UTC)", query(postgres, BY_HOUR))
    console.print("\nReconciliation with what the service counts", style="bold")
    for verdict, activities, loaded, counted in query(postgres, VERDICTS):
        console.print(
            f"{verdict:>10}: {activities} activities, {loaded} clicks loaded, "
            f"{counted} counted",
            highlight=False,
        )


def write_page(postgres: Postgres) -> None:
    """Write the page of ``cc-clicks report``."""
    console.print()
    place = ["--database", postgres.url, "--output", str(DATA / "clicks.html")]
    cc_clicks(["report", *place], standalone_mode=False)


def query(postgres: Postgres, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with psycopg.connect(postgres.url) as connection:
        return connection.execute(sql.encode()).fetchall()


if __name__ == "__main__":
    main()

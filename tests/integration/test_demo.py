"""``make demo`` in a fresh clone of the repository."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from demo.stack import ROOT
from tests.commands import output_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]

# Paths that a clone does not have, and the environments, which are linked.
OURS = (".venv", ".git", ".meltano", ".env", "data", "output", "__pycache__")
BAR = re.compile(r"^ *(\S.*?) █+ (\d+)$", re.MULTILINE)
VERDICT = re.compile(r"^ *(\w+): (\d+) activities, (\d+) clicks loaded, (\d+) counted$")
EMAILS = """
    select campaign_name || case role when 'resend' then ' (resend)' else '' end,
        (select count(*) from cc_clicks_marts.cc_clicks__clicks c
            where c.campaign_activity_id = e.campaign_activity_id),
        (select count(*) from cc_clicks_marts.cc_clicks__clicks c
            where c.campaign_activity_id = e.campaign_activity_id
            and not is_likely_machine),
        round(100.0 * unique_clicks / deliveries, 1) || ' %',
        round(100.0 * unique_clicks / unique_opens, 1) || ' %'
    from cc_clicks_marts.cc_clicks__emails e
    order by last_clicked_at desc nulls last limit 6
"""
LINKS = """
    select link_host || link_path, count(*),
        count(*) filter (where not is_likely_machine)
    from cc_clicks_marts.cc_clicks__clicks group by 1 order by 2 desc limit 6
"""
FUNNEL = """
    select campaign_name, sends, deliveries, unique_opens, unique_clicks, unsubscribes
    from cc_clicks_marts.cc_clicks__emails order by last_sent_at desc limit 1
"""
PEOPLE = """
    select {}, count(*) from cc_clicks_marts.cc_clicks__clicks
    where not is_likely_machine group by 1
"""
RUNS = """
    select count(*) filter (where clicked_at <= '2026-11-01 08:00'), count(*)
    from cc_clicks_marts.cc_clicks__clicks
"""
VERDICTS = """
    select verdict, count(*), sum(loaded), sum(counted)
    from cc_clicks_marts.cc_clicks__reconciliation where kind = 'click' group by 1
"""


class Demo:
    """A clone in which the demo has run with a minimal environment.

    Attributes:
        printed: The demo's output.
    """

    def __init__(self, folder: Path) -> None:
        """Clone, and run the demo."""
        self.folder = folder / "clone"
        shutil.copytree(ROOT, self.folder, ignore=shutil.ignore_patterns(*OURS))
        (self.folder / ".venv").symlink_to(ROOT / ".venv")
        self.printed = self.run("make", "demo")

    def run(self, *command: str) -> str:
        """Run a command that must succeed, and return its output."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME")}
        environment["LANG"] = "C.UTF-8"
        return output_of(*command, cwd=self.folder, env=environment)

    def ask(self, sql: str) -> list[list[str]]:
        """Run a query with the command that the demo's last line names."""
        printed = self.run(sys.executable, "-m", "demo.psql", sql)
        return [line.split("\t") for line in printed.splitlines()]

    def table(self, heading: str) -> list[list[str]]:
        """Return the rows of a printed table, with wrapped cells joined."""
        rows: list[list[str]] = []
        for line in self.printed.partition(heading)[2].splitlines():
            if line.startswith("└"):
                break
            cells = [cell.strip() for cell in line.split("│")[1:-1]]
            if all(cells):
                rows += [cells] if cells else []
            else:
                parts = zip(rows[-1], cells, strict=True)
                rows[-1] = [" ".join(filter(None, part)) for part in parts]
        return rows

    def chart(self, title: str) -> list[list[str]]:
        """Return the names and numbers of a printed chart."""
        lines = self.printed.partition(title)[2].partition("\n\n")[0]
        return [list(found) for found in BAR.findall(lines)]

    def processes(self) -> list[str]:
        """Return the running commands that name the folder."""
        commands = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                commands.append(path.read_bytes().decode(errors="replace"))
            except OSError:
                continue
        return [command for command in commands if str(self.folder) in command]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Return the demo, run once."""
    return Demo(tmp_path_factory.mktemp("demo"))


def test_the_demo_names_a_page_and_leaves_no_server_running(demo: Demo) -> None:
    """The page is complete, and PostgreSQL has been stopped."""
    page = demo.folder / "demo" / "data" / "clicks.html"
    assert f"The page is {page}" in demo.printed
    assert page.read_text("utf-8").count("<figure") == 5
    assert not demo.processes()
    assert not (demo.folder / "demo" / "data" / "postgres" / "postmaster.pid").exists()


def test_table_figures_match_the_marts(demo: Demo) -> None:
    """Clicks are counted one by one where the demo reads sums."""
    runs = demo.table("in the account")
    for _, requests, parts, loaded, there in runs:
        assert int(requests) == sum(map(int, re.findall(r": (\d+)", parts)))
        assert loaded == there
    assert [[row[3] for row in runs]] == demo.ask(RUNS)
    assert demo.table("Emails clicked last") == demo.ask(EMAILS)
    assert demo.table("Top links") == demo.ask(LINKS)


def test_chart_figures_match_the_marts(demo: Demo) -> None:
    """This covers the funnel, devices, hours and the reconciliation."""
    ((name, *counts),) = demo.ask(FUNNEL)
    stages = demo.chart(f"The latest email: {name}")
    assert [number for _, number in stages] == counts
    devices, hours = (
        "coalesce(device_type, '(unknown)')",
        "to_char(clicked_at, 'HH24:00')",
    )
    shown = sorted(demo.chart("Clicks by device"))
    assert shown == sorted(demo.ask(PEOPLE.format(devices)))
    assert demo.chart("Clicks by hour") == sorted(demo.ask(PEOPLE.format(hours)))
    verdicts = filter(None, map(VERDICT.match, demo.printed.splitlines()))
    assert sorted(list(one.groups()) for one in verdicts) == sorted(demo.ask(VERDICTS))


def test_emails_have_different_rates(demo: Demo) -> None:
    """All clicks are reconciled as well."""
    rates = [row[-1] for row in demo.table("Emails clicked last")]
    assert len({*rates}) == len(rates)
    assert [row[0] for row in demo.ask(VERDICTS)] == ["ok"]

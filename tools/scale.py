"""Calculate the needs of many accounts and write the tables in docs/scale.md."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = Path("docs/scale.md")
START, END = "<!-- scale -->", "<!-- /scale -->"

# The API's limits.
REQUESTS_PER_DAY = 10_000
REQUESTS_PER_SECOND = 4
ROWS_PER_PAGE = 500
STATS_PER_REQUEST = 10
# The tap's default look_requests_per_day.
LOOKS_PER_DAY = 500
# Measured in docs/performance.md and in a run of the Dagster example on two busy cores.
STATE_BYTES_PER_ACTIVITY = 350
RUN_SECONDS = 12
RUN_CPU_SECONDS = 3.6
# With the default lookback, clicks are read on their day and on the next.
READS_PER_CLICK = 2
SECONDS_PER_HOUR = 3600
ACCOUNTS = (1, 10, 100, 1_000, 10_000)


@dataclass(frozen=True)
class Account:
    """An account of which only clicks are selected.

    Attributes:
        campaigns: Campaigns sent so far.
        activities: Activities of those campaigns.
        sent: Campaigns sent or changed since the last run.
        read: Activities whose clicks a run reads.
        clicks: Clicks so far.
        new_clicks: New clicks per day.
    """

    campaigns: int = 300
    activities: int = 330
    sent: float = 0.3
    read: int = 4
    clicks: int = 66_000
    new_clicks: int = 60

    @property
    def listing(self) -> int:
        """Requests to list all campaigns and their summaries."""
        return 2 * math.ceil(self.campaigns / ROWS_PER_PAGE)

    @property
    def counters(self) -> int:
        """Requests to look at all activities: C in the description of the schedule."""
        return math.ceil(self.activities / STATS_PER_REQUEST)

    def first(self) -> int:
        """Return the requests of the first load if every report has one page."""
        return self.listing + self.campaigns + self.activities + self.counters

    def later(self, looks: float = LOOKS_PER_DAY) -> float:
        """Return the requests of a daily run.

        Args:
            looks: ``look_requests_per_day``.
        """
        first_looks = min(self.sent, math.ceil(self.sent / STATS_PER_REQUEST))
        looks = min(self.counters, looks) + first_looks
        return self.listing + looks + self.sent + self.read

    def days(self, looks: float = LOOKS_PER_DAY) -> int:
        """Return the days, plus a run, within which all activities are looked at."""
        return max(1, math.ceil(2 * self.counters / looks))


TYPICAL = Account()
# A lower look_requests_per_day, for many accounts per API key.
FEW_LOOKS = 10


def tables() -> str:
    """Return the tables of requests and keys, and of machines and rows, as Markdown."""
    return f"{_requests()}\n\n{_machines()}"


def _requests() -> str:
    all_looks, few = TYPICAL.later(), TYPICAL.later(FEW_LOOKS)
    rows: list[list[str]] = []
    header = [
        "accounts",
        "requests a day: default",
        f"{FEW_LOOKS} looks",
        "API keys: default",
        f"{FEW_LOOKS} looks",
        "days of first load: default's keys",
        f"keys of {FEW_LOOKS} looks",
    ]
    for accounts in ACCOUNTS:
        keys = [_keys(accounts * requests) for requests in (all_looks, few)]
        days = [accounts * TYPICAL.first() / REQUESTS_PER_DAY / each for each in keys]
        rows.append(
            [
                f"{accounts:,}",
                *(f"{accounts * requests:,.0f}" for requests in (all_looks, few)),
                *(f"{each:,}" for each in keys),
                *(f"{math.ceil(each):,}" for each in days),
            ]
        )
    return _table(header, rows)


def _machines() -> str:
    few = TYPICAL.later(FEW_LOOKS)
    state = TYPICAL.activities * STATE_BYTES_PER_ACTIVITY
    hours = (RUN_SECONDS + few / REQUESTS_PER_SECOND) / SECONDS_PER_HOUR
    header = [
        "accounts",
        "hours a day, one run at a time for each key",
        "CPU hours a day",
        "state, all accounts",
        "rows of clicks",
        "rows written a day",
    ]
    rows = [
        [
            f"{accounts:,}",
            f"{accounts / _keys(accounts * few) * hours:.1f}",
            f"{accounts * RUN_CPU_SECONDS / SECONDS_PER_HOUR:.1f}",
            f"{accounts * state / 1e6:,.1f} MB",
            f"{accounts * TYPICAL.clicks:,}",
            f"{accounts * TYPICAL.new_clicks * READS_PER_CLICK:,}",
        ]
        for accounts in ACCOUNTS
    ]
    return _table(header, rows)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines)


def _keys(requests: float) -> int:
    return math.ceil(requests / REQUESTS_PER_DAY)


def page(text: str) -> str:
    """Return docs/scale.md with the tables."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n{tables()}\n{END}{after}"


def main() -> None:
    """Write the tables to docs/scale.md."""
    path = ROOT / PAGE
    path.write_text(page(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()

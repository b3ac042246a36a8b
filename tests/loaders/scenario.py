"""Two runs of the torture account into every loader, with changes in between."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from demo.stack import Postgres
from tap_cc_clicks.sandbox import Sandbox
from tests import support
from tests.loaders import torture
from tests.loaders.loaders import Loader, Table, everything
from tests.loaders.piping import pipe

if TYPE_CHECKING:
    from pathlib import Path

    from tap_cc_clicks.sandbox import Account

TABLES = (
    "campaigns",
    "campaign_activities",
    "campaign_activity_details",
    "campaign_activity_stats",
    "email_links",
    "email_clicks",
)
# The number of processors of the test machines.
AT_ONCE = 2


@dataclass
class Landing:
    """The tables of a loader after two runs.

    Attributes:
        loader: The loader.
        first: Its tables after the first run.
        second: Its tables after the second one.
        state: The last state that the loader passed on.
    """

    loader: Loader
    first: dict[str, Table] = field(default_factory=dict)
    second: dict[str, Table] = field(default_factory=dict)
    state: dict[str, Any] | None = None

    def load(self, config: dict[str, Any], catalog: Path) -> dict[str, Table]:
        """Run the tap into the loader, and read its tables."""
        self.state = pipe(config, self.state, self.loader, catalog).state
        return {name: self.loader.table(name) for name in TABLES}


@dataclass(frozen=True)
class Scenario:
    """All landings, and the expected clicks.

    Attributes:
        landings: By the loader's name.
        first: The clicks before the changes.
        second: The clicks after them.
        lists: The lists of each activity.
    """

    landings: dict[str, Landing]
    first: list[dict[str, Any]]
    second: list[dict[str, Any]]
    lists: dict[str, list[str]]


def play(folder: Path) -> Scenario:
    """Run everything."""
    account = torture.account()
    catalog = folder / "catalog.json"
    catalog.write_text(json.dumps(support.everything()), "utf-8")
    with Sandbox(account) as sandbox, Postgres(folder / "postgres") as server:
        landings = [Landing(loader) for loader in everything(folder, server)]

        def first(landing: Landing) -> None:
            landing.first = landing.load(sandbox.config, catalog)

        def second(landing: Landing) -> None:
            landing.second = landing.load(sandbox.config, catalog)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(first, landings))
            before = torture.truth(account)
            torture.go_on(account)
            list(pool.map(second, landings))
        return Scenario(
            {landing.loader.name: landing for landing in landings},
            before,
            torture.truth(account),
            _lists(account),
        )


def _lists(account: Account) -> dict[str, list[str]]:
    return {
        activity.campaign_activity_id: activity.details["contact_list_ids"]
        for activity in account.activities.values()
        # A web page has no details.
        if activity.has_reports
    }


def newest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest row of each click, as readers of appended rows must.

    By extraction time, or by position if the loader has none.
    """
    rows = sorted(rows, key=lambda row: str(row.get("_sdc_extracted_at", "")))
    return list({row["click_id"]: row for row in rows}.values())


def comparable(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return clicks as sorted tuples, for comparison."""
    columns = torture.COLUMNS
    return sorted((tuple(row.get(name) for name in columns) for row in rows), key=repr)


def landed_as(loader: Loader, clicks: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return clicks as a loader stores them, with its known losses."""
    return comparable(
        [{name: loader.lands(value) for name, value in one.items()} for one in clicks]
    )

"""``make loaders``: runs loaders end to end, and writes docs/loaders.md.

The tables of landed values come from two runs of the torture account, the figures from
a million clicks on this machine.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from demo.stack import ROOT, Postgres
from tap_cc_clicks.tap import TapCCClicks
from tests.bench.service import Service
from tests.loaders import models
from tests.loaders.loaders import CSV, DuckDB, JSONLines, PostgresCopy, PostgresInsert
from tests.loaders.piping import Piped, pipe
from tests.loaders.scenario import (
    Landing,
    Scenario,
    comparable,
    landed_as,
    newest,
    play,
)

if TYPE_CHECKING:
    from tests.loaders.loaders import Loader, Table

DOCS = ROOT / "docs" / "loaders.md"
WAREHOUSE = ROOT / "docs" / "warehouse.md"
START, END = "<!-- {} -->", "<!-- /{} -->"
# A column for each kind of value: its table and its name.
KINDS = {
    "text": ("email_clicks", "link_url"),
    "moment": ("email_clicks", "created_time"),
    "whole number": ("email_links", "unique_clicks"),
    "list": ("campaign_activity_details", "contact_list_ids"),
}
CAMPAIGNS, CLICKS_EACH = 20, 50_000
CLICKS_ONLY = ROOT / "catalog" / "clicks-only.json"

Lines = list[list[str]]


def matrix(scenario: Scenario) -> str:
    """Return each loader's destination, and how the clicks landed."""
    head = ["loader", "loaded into", "a known key", "rows after two runs"]
    head += ["read back as sent", "but for"]
    lines = [_line(scenario, landing) for landing in scenario.landings.values()]
    return _markdown(head, lines)


def _line(scenario: Scenario, landing: Landing) -> list[str]:
    loader, rows = landing.loader, landing.second["email_clicks"].rows
    kept = comparable(rows if loader.upserts else newest(rows))
    sent = landed_as(loader, scenario.second)
    same = sum(one == other for one, other in zip(kept, sent, strict=True))
    changed = [
        f"{_said(value)} lands as {_said(landed)}"
        for value, landed in loader.nothing.items()
    ]
    return [
        loader.name.replace(loader.program, _versioned(loader), 1),
        loader.against,
        "is updated" if loader.upserts else "is appended again",
        f"{len(rows)} for {len(sent)} clicks",
        f"{same} of {len(sent)}",
        "; ".join(changed) or "nothing",
    ]


def _said(value: str | None) -> str:
    return "null" if value is None else "an empty text"


def _versioned(loader: Loader) -> str:
    path = ROOT / "requirements" / f"{loader.environment}.txt"
    for line in path.read_text("utf-8").splitlines():
        package, _, version = line.partition("==")
        if package.endswith(loader.program):
            return f"{loader.program} {version}"
    raise LookupError(path)


def types(scenario: Scenario) -> str:
    """Return the types and keys as they land."""
    lines = []
    for landing in scenario.landings.values():
        tables = landing.first
        landed = [f"`{tables[name].types[column]}`" for name, column in KINDS.values()]
        lines.append([landing.loader.name, *landed, _keys(tables)])
    return _markdown(["loader", *KINDS, "primary key"], lines)


def _keys(tables: dict[str, Table]) -> str:
    streams = TapCCClicks(validate_config=False).streams
    if all(
        table.key == list(streams[name].primary_keys) for name, table in tables.items()
    ):
        return "each stream's key"
    keys = [f"`{', '.join(table.key)}`" for table in tables.values() if table.key]
    return "; ".join(keys) or "none"


def a_million() -> str:
    """Return the time and the peak memory of both processes for a million clicks."""
    head = ["loader", "clicks", "seconds", "rows/s", "tap's peak", "loader's peak"]
    lines = []
    clicks = CAMPAIGNS * CLICKS_EACH
    with (
        tempfile.TemporaryDirectory() as name,
        Postgres(Path(name) / "postgres") as server,
        Service(CAMPAIGNS, CLICKS_EACH, repeated=True) as service,
    ):
        folder = Path(name)
        duckdb = DuckDB(folder / "duckdb")
        duckdb.batch_size_rows = 100_000
        for loader in (
            PostgresInsert(folder / "insert", server),
            PostgresCopy(folder / "copy", server),
            duckdb,
            JSONLines(folder / "jsonl"),
            CSV(folder / "csv"),
        ):
            took = pipe(service.config, None, loader, CLICKS_ONLY)
            lines.append([loader.name, f"{clicks:,}", *_figures(took, clicks)])
            print(*lines[-1], sep="\t", flush=True)
    return _markdown(head, lines)


def _figures(took: Piped, clicks: int) -> list[str]:
    peaks = (f"{peak:.0f} MB" for peak in (took.tap_peak, took.loader_peak))
    return [f"{took.seconds:.0f}", f"{clicks / took.seconds:,.0f}", *peaks]


def _markdown(head: list[str], lines: Lines) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def written(text: str, part: str, table: str) -> str:
    """Return the document with a table between its marks."""
    start, end = START.format(part), END.format(part)
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{table}\n{end}{after}"


def main() -> None:
    """Run everything, print the figures, and write the tables."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = play(Path(folder))
    tables = {
        "loaders": matrix(scenario),
        "types": types(scenario),
        "million": a_million(),
    }
    text = DOCS.read_text("utf-8")
    for part, table in tables.items():
        text = written(text, part, table)
    DOCS.write_text(text, "utf-8")
    took = _markdown(["models", "seconds", "ratio"], models.figures())
    text = WAREHOUSE.read_text("utf-8")
    WAREHOUSE.write_text(written(text, "models", took), "utf-8")


if __name__ == "__main__":
    main()

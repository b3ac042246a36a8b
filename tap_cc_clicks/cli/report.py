"""``cc-clicks report``: five charts of the marts in a self-contained page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import click

from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.cli.databases import Query, database
from tap_cc_clicks.cli.options import console
from tap_cc_clicks.cli.tables import say

PACKAGES = {"altair", "vl_convert"}
MISSING = "Drawing needs more packages: pip install 'tap-cc-clicks[cli,report]'"


@dataclass(frozen=True)
class Question:
    """What a chart shows; the last column of its query dates the data.

    Attributes:
        name: The function in ``drawing.py`` that draws it.
    """

    name: str
    title: str
    note: str
    query: str
    fresh: str = "Newest click"


FUNNEL = Question(
    "funnel",
    "The latest emails",
    "People, as the service counts them",
    """
    select coalesce(campaign_name, subject), role, last_sent_at,
        sends, deliveries, unique_opens,
        coalesce(unique_clicks, loaded_unique_clicks), unsubscribes,
        coalesce(counted_at, last_clicked_at)
    from {}.cc_clicks__emails
    where coalesce(sends, 0) + loaded_clicks > 0
    order by last_sent_at desc nulls last, campaign_activity_id limit 6
    """,
    "Counted",
)
QUESTIONS = (
    FUNNEL,
    Question(
        "hours",
        "Clicks by hour after the send",
        "Without machines, the first three days",
        """
        select floor(minutes_since_send / 60), count(*), max(max(clicked_at)) over ()
        from {}.cc_clicks__clicks
        where not is_likely_machine and minutes_since_send between 0 and 4319
        group by 1 order by 1
        """,
    ),
    Question(
        "links",
        "Best links",
        "Clicks without machines, over all emails",
        """
        select link_host, link_path, sum(loaded_human_clicks),
            max(max(last_clicked_at)) over ()
        from {}.cc_clicks__links
        where loaded_human_clicks > 0 and link_host is not null
        group by 1, 2 order by 3 desc, 1, 2 limit 10
        """,
    ),
    Question(
        "devices",
        "Devices",
        "Clicks without machines",
        """
        select coalesce(device_type, 'unknown'), count(*), max(max(clicked_at)) over ()
        from {}.cc_clicks__clicks
        where not is_likely_machine group by 1 order by 2 desc, 1
        """,
    ),
    Question(
        "machines",
        "Share of machines",
        "Of the clicks of each week",
        """
        select date_trunc('week', clicked_at),
            sum(case when is_likely_machine then 1 else 0 end), count(*),
            max(max(clicked_at)) over ()
        from {}.cc_clicks__clicks group by 1 order by 1 desc limit 53
        """,
    ),
)


@click.command()
@click.option(
    "--database",
    "url",
    required=True,
    metavar="URL",
    envvar="TARGET_POSTGRES_SQLALCHEMY_URL",
    help="postgresql://… or duckdb:///FILE. [env: TARGET_POSTGRES_SQLALCHEMY_URL]",
)
@click.option(
    "--schema",
    default="cc_clicks_marts",
    show_default=True,
    help="The schema that dbt builds the models in.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="clicks.html",
    show_default=True,
    help="The page to write.",
)
def report(*, url: str, schema: str, output: Path) -> None:
    """Draw what was loaded, as one HTML page that needs no server and no network.

    Shows counts only, never who clicked.
    """
    drawing = _drawing()
    missing = (
        f"The schema {schema} has no models of this version: load with tap-cc-clicks, "
        "then run dbt build, or name their schema by --schema"
    )
    with database(url, missing) as query:
        figures = [_figure(drawing, item, query, schema) for item in QUESTIONS]
    _write(output, drawing.page(figures, datetime.now(UTC)))
    say(console(), f"The page is {output}")


def _drawing() -> ModuleType:
    try:
        from tap_cc_clicks.cli import drawing  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in PACKAGES:
            raise
        raise InputError(MISSING) from None
    return drawing


def _figure(drawing: ModuleType, item: Question, query: Query, schema: str) -> str:
    quoted = '"{}"'.format(schema.replace('"', '""'))
    rows = query(item.query.format(quoted))
    latest = max((row[-1] for row in rows if row[-1]), default=None)
    fresh = f"{item.fresh}: {drawing.at(latest)}" if latest else ""
    spec = getattr(drawing, item.name)(rows) if rows else None
    figure: str = drawing.figure(item.name, item.title, item.note, spec, fresh)
    return figure


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, "utf-8")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise InputError(message) from None

"""``cc-clicks reconcile``: compare loaded clicks with the service's counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import click

from tap_cc_clicks.api.service import IDS_PER_STATS_REQUEST
from tap_cc_clicks.api.wire import UNKNOWN, Counters
from tap_cc_clicks.cli.loaded import from_counts, from_jsonl, from_postgres
from tap_cc_clicks.cli.options import config_option, console, json_option, tap_of
from tap_cc_clicks.cli.reconciliation import Comparison, Loaded, compare, tally
from tap_cc_clicks.cli.tables import PLAIN_GAP, print_json, say
from tap_cc_clicks.sync.lookups import Lookups
from tap_cc_clicks.tap import TapCCClicks

# Settings by which a run skips clicks that the service counts.
FILTERS = ("start_date", "url_ids")
NOWHERE = "Say where the clicks are: --postgres, --jsonl or --counts"
NO_COUNTERS = (
    "The counters were not loaded: select the stream campaign_activity_stats and run "
    "the tap, or leave --offline out"
)


@click.command()
@config_option
@click.option(
    "--postgres",
    metavar="URL",
    envvar="TARGET_POSTGRES_SQLALCHEMY_URL",
    help="Count in a database that target-postgres loads. [env: "
    "TARGET_POSTGRES_SQLALCHEMY_URL]",
)
@click.option(
    "--schema",
    default="tap_cc_clicks",
    show_default=True,
    help="The schema that target-postgres loads into.",
)
@click.option(
    "--jsonl",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Count in the files of target-jsonl.",
)
@click.option(
    "--counts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Take counts from a CSV file of campaign_activity_id,count.",
)
@click.option(
    "--offline",
    is_flag=True,
    help="Compare with the counters that were loaded (campaign_activity_stats), and "
    "make no request.",
)
@click.option("--all", "show_all", is_flag=True, help="List what agrees, too.")
@json_option
def reconcile(  # noqa: PLR0913 - one for each option
    *,
    configs: tuple[str, ...],
    postgres: str | None,
    schema: str,
    jsonl: Path | None,
    counts: Path | None,
    offline: bool,
    show_all: bool,
    as_json: bool,
) -> None:
    """Compare the clicks that were loaded with those that the service counts.

    Asks the service for the counters of ten activities a request. Ends with 0 if no
    activity is behind, with 1 if some are.
    """
    loaded = _loaded(jsonl, counts, postgres, schema)
    if offline:
        compared = compare(loaded, _loaded_counters(loaded))
    else:
        tap = tap_of(configs)
        filters = [name for name in FILTERS if tap.config.get(name)]
        compared = compare(loaded, _request(tap, list(loaded.clicks)), filters)
    if as_json:
        print_json(compared)
    else:
        _print(compared, show_all=show_all)
    if tally(compared)["behind"]:
        raise SystemExit(1)


def _loaded(
    jsonl: Path | None, counts: Path | None, postgres: str | None, schema: str
) -> Loaded:
    """Count loaded clicks; files take precedence over a database in the environment."""
    if jsonl:
        return from_jsonl(jsonl)
    if counts:
        return from_counts(counts)
    if postgres:
        return from_postgres(postgres, schema)
    raise click.UsageError(NOWHERE)


def _loaded_counters(loaded: Loaded) -> Mapping[str, Counters]:
    if loaded.counters is None:
        raise click.ClickException(NO_COUNTERS)
    return loaded.counters


def _request(tap: TapCCClicks, activity_ids: list[str]) -> dict[str, Counters]:
    """Request the counters of activities; omit those without any."""
    chunks = [
        activity_ids[start : start + IDS_PER_STATS_REQUEST]
        for start in range(0, len(activity_ids), IDS_PER_STATS_REQUEST)
    ]
    say(
        console(stderr=True),
        f"Counters of {len(activity_ids):,} activities: {len(chunks):,} requests",
    )
    lookups = Lookups(tap.run, tap.run.service, tap.run.once)
    counters: dict[str, Counters] = {}
    for chunk in chunks:
        counters.update(next(lookups.count(chunk)))
    return {key: known for key, known in counters.items() if known is not UNKNOWN}


def _print(compared: Sequence[Comparison], *, show_all: bool) -> None:
    screen = console()
    shown = [item for item in compared if show_all or item.verdict != "ok"]
    for (verdict, reason), group in groupby(shown, attrgetter("verdict", "reason")):
        say(screen, f"{verdict}: {reason}" if reason else verdict)
        for item in group:
            say(screen, item.campaign_activity_id, _numbers(item), indent=PLAIN_GAP)
    verdicts = ", ".join(
        f"{number:,} {verdict}" for verdict, number in tally(compared).items()
    )
    clicks = sum(item.loaded for item in compared)
    say(screen, f"{clicks:,} clicks loaded; activities: {verdicts or 'none'}")


def _numbers(item: Comparison) -> str:
    if item.counted is None or item.difference is None:
        return f"{item.loaded:,} loaded"
    return f"{item.loaded:,} loaded, {item.counted:,} counted ({item.difference:+,})"

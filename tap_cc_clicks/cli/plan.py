"""``cc-clicks plan``: estimate the cost of a run."""

from __future__ import annotations

import click

from tap_cc_clicks.api.errors import RunEndedError
from tap_cc_clicks.cli.options import config_option, console, json_option, tap_of
from tap_cc_clicks.cli.planning import SAMPLE, Plan, Planner
from tap_cc_clicks.cli.state_files import read_state
from tap_cc_clicks.cli.tables import print_json, print_table, say
from tap_cc_clicks.events.declaration import EVENT_REPORTS
from tap_cc_clicks.inputs import read_json_file
from tap_cc_clicks.tap import TapCCClicks

MINUTES_PER_HOUR = 60
LABELS = {
    "lists": "campaigns and summaries",
    "look_ups": "campaign look-ups",
    "campaign_activity_details": "activity details",
    "email_send_history": "send histories",
    "stats": "counters",
    "email_links": "links reports",
    **{report.stream: f"{report.path} reports" for report in EVENT_REPORTS},
}


@click.command()
@config_option
@click.option(
    "--state",
    metavar="FILE",
    help="The state that the run would have, as the tap or Meltano writes it; - for "
    "stdin. Without it: a first run.",
)
@click.option("--catalog", metavar="FILE", help="The catalog that the run would have.")
@click.option(
    "--max-requests",
    type=click.IntRange(min=1),
    help="Plan for runs of at most this many requests (the setting max_requests).",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=SAMPLE,
    show_default=True,
    help="Maximum number of campaigns to look up, and of requests for counters.",
)
@click.option(
    "--exact",
    is_flag=True,
    help="Look up and count all that the run would: many requests on a large account.",
)
@json_option
def plan(  # noqa: PLR0913 - one for each option
    *,
    configs: tuple[str, ...],
    state: str | None,
    catalog: str | None,
    max_requests: int | None,
    sample: int,
    exact: bool,
    as_json: bool,
) -> None:
    """Estimate a run: requests, minutes, and days of quota.

    Numbers from a sample are bounds. The plan makes a few requests itself: two for
    every 500 campaigns, and three times the sample at most.
    """
    tap = tap_of(
        configs,
        state=read_state(state).state if state else None,
        catalog=read_json_file("catalog", catalog) if catalog else None,
    )
    budget = max_requests or tap.run.settings.max_requests
    try:
        made = Planner(tap, None if exact else sample).plan(budget)
    except RunEndedError as reason:
        raise click.ClickException(str(reason)) from None
    if as_json:
        print_json(made)
    else:
        _print(made, tap, budget, first=state is None)


def _print(made: Plan, tap: TapCCClicks, budget: int | None, *, first: bool) -> None:
    settings = tap.run.settings
    out = console()
    kind = "A first run (no state was given)" if first else "The next run"
    say(out, f"{kind}:")
    say(out)
    say(
        out,
        f"{made.listed:,} campaigns listed: {made.new:,} new, {made.changed:,} changed",
    )
    say(out, f"{made.clicks} clicks not read yet")
    say(out, _looks(made))
    if made.backlog_days:
        say(
            out,
            "Details and send histories of what was known before: "
            f"{made.backlog_days:,} d, after all clicks",
        )
    say(out)
    rows = [
        [LABELS.get(name, name), str(figure)]
        for name, figure in made.requests.items()
        if figure.high
    ]
    print_table(["requests for", "number"], [*rows, ["total", str(made.total)]])
    say(out)
    say(
        out,
        f"At most {_duration(made.minutes)} at {settings.requests_per_second:g} "
        f"requests a second, and {100 * made.share_of_quota:.1f} % of a day's "
        f"{settings.key_requests_per_day:,}",
    )
    say(out, _runs(made, budget))
    say(out, f"This plan made {made.spent:,} requests")


def _looks(made: Plan) -> str:
    if not made.looks + made.waiting:
        return "Nothing to look at for change"
    every = "everything in each run"
    if made.whole_days:
        every = f"everything within {made.whole_days:g} days and a run"
    return f"{made.looks:,} looks for change, {made.waiting:,} wait; {every}"


def _duration(minutes: float) -> str:
    if minutes < MINUTES_PER_HOUR:
        return f"{minutes:.1f} minutes"
    return f"{minutes / MINUTES_PER_HOUR:.1f} hours"


def _runs(made: Plan, max_requests: int | None) -> str:
    limit = "max_requests" if max_requests else "the day's quota"
    if made.runs is None:
        return (
            f"It never ends within {limit}: a run needs more than listing campaigns "
            f"and its largest report take ({made.largest_report:,} requests)"
        )
    if made.runs == 1:
        return "It takes one run"
    return f"It takes up to {made.runs:,} runs, because of {limit}"

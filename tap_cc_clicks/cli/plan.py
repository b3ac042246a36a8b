"""``cc-clicks plan``: what a run would cost, before it runs."""

from __future__ import annotations

import click

from tap_cc_clicks.api.errors import RunEndedError
from tap_cc_clicks.cli.options import config_option, console, json_option, tap_of
from tap_cc_clicks.cli.planning import SAMPLE, Plan, Planner
from tap_cc_clicks.cli.state_files import read_state
from tap_cc_clicks.cli.tables import print_json, print_table, say
from tap_cc_clicks.inputs import read_json_file
from tap_cc_clicks.tap import TapCCClicks

MINUTES_PER_HOUR = 60
LABELS = {
    "campaigns": "campaign listing",
    "summaries": "campaign summaries",
    "look_ups": "campaign look-ups",
    "details": "activity details",
    "stats": "counters",
    "email_clicks": "clicks reports",
    "email_links": "links reports",
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
    help="Plan for runs of so many requests (the setting max_requests).",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=SAMPLE,
    show_default=True,
    help="Look up at most so many campaigns, and make so many requests for counters.",
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
    """Tell what a run would cost: requests, minutes, and days of quota.

    Numbers with "about" are scaled up from a sample. The plan makes a few requests
    itself: two for every 500 campaigns, and twice the sample at most.
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
    say(out, f"{kind}, change detection {settings.change_detection}:")
    say(out)
    say(
        out,
        f"{made.listed:,} campaigns listed, {made.sent:,} to go through: "
        f"{made.new:,} new, {made.known:,} known, {made.changed:,} of these changed",
    )
    say(out, f"{made.activities} activities to go through")
    say(out, f"{made.clicks} clicks not read yet")
    say(out)
    rows = [
        [LABELS.get(name, name), str(figure)]
        for name, figure in made.requests.items()
        if figure.value
    ]
    print_table(["requests for", "number"], [*rows, ["total", str(made.total)]])
    about = "" if made.total.exact else "about "
    say(out)
    say(
        out,
        f"{about}{_duration(made.minutes)} at {settings.requests_per_second:g} "
        f"requests a second, {about}{100 * made.share_of_quota:.1f} % of a day's "
        f"{settings.key_requests_per_day:,}",
    )
    say(out, _runs(made, budget))
    say(out, _said(made))


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
    return (
        f"It takes about {made.runs:,} runs, because of {limit}; these use the quota "
        f"of {made.days:,} day{'s' if made.days != 1 else ''}"
    )


def _said(made: Plan) -> str:
    spent = f"This plan made {made.spent:,} requests"
    if made.total.exact and made.clicks.exact:
        return f"{spent}; as long as nothing changes, its numbers are exact"
    return (
        f"{spent}: it looked up {made.looked_up:,} campaigns and asked for the "
        f'counters of {made.counted:,} activities. "About" is scaled up from these; a '
        "report of several pages may also take one page more or less than counted"
    )

"""``make bench``: this tap and the template's, on the same simulator, in one run.

Prints tables, and writes them with two charts into docs/. Absolute figures depend
on the machine; only the ratios are claimed.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import msgspec

from tap_cc_clicks.events.declaration import Click
from tests.bench import frontier
from tests.bench.measure import Run, Tap, run
from tests.bench.model import DAYS
from tests.bench.service import Service, make
from tests.bench.stages import ACTIVITIES, microseconds, state_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
START, END = "<!-- bench -->", "<!-- /bench -->"
UNLIMITED = {"requests_per_second": 100_000}
OURS = Tap("tap-cc-clicks", "tap_cc_clicks", UNLIMITED)
TEMPLATE = Tap("template", "tests.bench.template_tap", {})
PACED = Tap("tap-cc-clicks", "tap_cc_clicks", {})
CLICKS_ONLY = json.loads((ROOT / "catalog" / "clicks-only.json").read_text("utf-8"))

LATENCIES = (0, 0.15, 0.4, 1.5)
# Each account's campaigns and clicks of each: many short reports, or fewer long ones.
RATE_ACCOUNTS = {"60 reports of 1 page": (60, 2), "40 reports of 6 pages": (40, 3_000)}
# The template's rate is clear after seconds; ours is that of whole runs, including
# start and end.
RATE_SECONDS = {TEMPLATE.name: 30, PACED.name: None}
CLICKS_EACH = 22_000
ACTIVITIES_WITH_MANY = 30
GROWTH = {"tap-cc-clicks": (100, 1_000, 4_000, 20_000), "template": (500, 1_000, 2_000)}
PAGE = 500
DAILY_QUOTA = 10_000

Table = list[list[str]]


def requests_of_runs() -> Table:
    """Return the requests of a first run, and of a second one with few changes."""
    rows = [["campaigns, changed", "tap", "first run", "second run"]]
    for campaigns, changed, taps in (
        (500, 5, (TEMPLATE, OURS)),
        (5_000, 20, (OURS,)),
    ):
        size = f"{campaigns:,}, {changed}"
        for tap in taps:
            for name, catalog in _choices(tap):
                with Service(campaigns, 1) as service:
                    first = run(tap, service, catalog=catalog)
                    service.click_in(changed)
                    second = run(tap, service, first.state, catalog=catalog)
                asked = f"{first.traffic.endpoints.total():,}"
                rows.append([size, name, asked, _counts(second)])
    return rows


def _choices(tap: Tap) -> Iterable[tuple[str, Any]]:
    """Yield the variants of a tap, with name and catalog."""
    yield tap.name, None
    if tap is not TEMPLATE:
        yield f"{tap.name}, only clicks", CLICKS_ONLY


def _counts(run: Run) -> str:
    counts = run.traffic.endpoints
    told = ", ".join(f"{number:,} {name}" for name, number in counts.most_common())
    return f"{counts.total():,} ({told})"


def useful_rates() -> tuple[Table, dict[str, list[tuple[float, float]]]]:
    """Return useful requests a second under a limit of 4/s, by latency."""
    rows = [["account", "latency", TEMPLATE.name, PACED.name, "answered 429"]]
    rates: dict[str, list[tuple[float, float]]] = {}
    for account, (campaigns, clicks) in RATE_ACCOUNTS.items():
        for latency in LATENCIES:
            row, refused = [account, f"{latency} s"], []
            for tap in (TEMPLATE, PACED):
                with Service(
                    campaigns, clicks, latency=latency, limited=True
                ) as service:
                    traffic = run(tap, service, seconds=RATE_SECONDS[tap.name]).traffic
                rate = traffic.useful_rate
                rates.setdefault(f"{tap.name}, {account}", []).append((latency, rate))
                row.append(f"{rate:.2f}")
                refused.append(f"{100 * traffic.throttled:.0f} %")
            rows.append([*row, " / ".join(refused)])
    return rows, rates


def throughput() -> Table:
    """Return records a second over long reports, also of msgspec alone."""
    runs: dict[str, list[Run]] = {OURS.name: [], TEMPLATE.name: []}
    with Service(ACTIVITIES_WITH_MANY, CLICKS_EACH) as service:
        for tap in (OURS, TEMPLATE, OURS, TEMPLATE, OURS):
            runs[tap.name].append(run(tap, service))
    speeds = {
        name: statistics.median(one.records_per_second for one in several)
        for name, several in runs.items()
    }
    rows = [["tap", "records/s", "times the template", "peak memory"]]
    for name, speed in speeds.items():
        ratio = speed / speeds[TEMPLATE.name]
        peak = max(one.peak for one in runs[name])
        rows.append([name, f"{speed:,.0f}", f"{ratio:.1f}", f"{peak:.0f} MB"])
    limit = msgspec_alone()
    ratio = limit / speeds[TEMPLATE.name]
    rows.append(["msgspec alone", f"{limit:,.0f}", f"{ratio:.1f}", ""])
    return rows


def msgspec_alone() -> float:
    """Return the records a second of decoding and encoding alone."""
    (activity,) = make(1, PAGE, repeated=False).activities.values()
    page = b"[" + b",".join(click.encoded for click in activity.clicks) + b"]"
    decoder, encoder = msgspec.json.Decoder(list[Click]), msgspec.json.Encoder()
    began, pages = time.perf_counter(), 0
    while time.perf_counter() - began < 1:
        encoder.encode_lines(decoder.decode(page))
        pages += 1
    return pages * PAGE / (time.perf_counter() - began)


def steps() -> Table:
    """Return the CPU time of a click by step."""
    with Service(ACTIVITIES_WITH_MANY, CLICKS_EACH) as service:
        result = run(OURS, service)
    took = microseconds()
    whole = 1e6 * result.cpu / result.messages["RECORD"]
    took["the rest: HTTP, threads, start-up, cold caches"] = whole - sum(took.values())
    rows = [[step, f"{each:.2f}"] for step, each in took.items()]
    limit = ["msgspec alone: decode and encode", f"{1e6 / msgspec_alone():.2f}"]
    return [["step", "µs/record"], *rows, ["all", f"{whole:.2f}"], limit]


def states() -> Table:
    """Return the time of writing STATE."""
    took = state_milliseconds()
    times = took["the SDK"] / took["tap-cc-clicks"]
    rows = [[way, f"{each:.0f}"] for way, each in took.items()]
    return [["writer", "ms"], *rows, ["times faster", f"{times:.0f}"]]


def memory() -> Table:
    """Return the peak memory of a million clicks."""
    with Service(20, 50_000, repeated=True) as service:
        result = run(OURS, service)
    records = result.messages["RECORD"]
    return [["records", "peak memory"], [f"{records:,}", f"{result.peak:.0f} MB"]]


def growth() -> tuple[Table, dict[str, list[tuple[int, float]]]]:
    """Return the cost of a run by the number of activities, with 10 clicks each.

    CPU time excludes start-up, measured by a run over a single activity.
    """
    head = ["activities", "tap", "seconds", "CPU µs/record", "bytes/record"]
    rows = [[*head, "STATE messages", "state/activity"]]
    seconds: dict[str, list[tuple[int, float]]] = {}
    for tap in (TEMPLATE, OURS):
        with Service(1, 10) as service:
            start_up = statistics.median(run(tap, service).cpu for _ in range(3))
        for activities in GROWTH[tap.name]:
            with Service(activities, 10) as service:
                result = run(tap, service)
            seconds.setdefault(tap.name, []).append((activities, result.seconds))
            records = result.messages["RECORD"]
            rows.append(
                [
                    f"{activities:,}",
                    tap.name,
                    f"{result.seconds:.1f}",
                    f"{1e6 * (result.cpu - start_up) / records:,.0f}",
                    f"{1e6 * result.written / records:,.0f}",
                    f"{result.messages['STATE']:,}",
                    f"{len(msgspec.json.encode(result.state)) / activities:,.0f} B",
                ]
            )
    return rows, seconds


def chart(name: str, labels: tuple[str, str], series: dict[str, Any]) -> None:
    """Draw a line for each tap into docs/."""
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = name
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of backend

    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    for tap, points in series.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=tap)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    if name == "growth":
        axes.set(xscale="log", yscale="log")
    else:
        axes.set(ylim=(0, 4.2))
    axes.legend()
    figure.savefig(DOCS / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def frontier_chart(played: dict[int, dict[str, dict[str, frontier.Played]]]) -> None:
    """Draw lateness over requests into docs/: a panel for each account."""
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "frontier"
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of backend

    figure, grid = plt.subplots(
        2, len(played), figsize=(9, 5.4), layout="constrained", sharex=True, sharey=True
    )
    for column, (campaigns, by_runs) in enumerate(played.items()):
        for row, (part, name) in enumerate(((0.95, "95 %"), (1, "worst"))):
            axes = grid[row][column]
            _draw_policies(axes, by_runs, part)
            axes.set(xscale="log", yscale="log")
            axes.minorticks_off()
            axes.axvline(DAILY_QUOTA, color="grey", linewidth=0.8)
            if row == 0:
                axes.set_title(f"{campaigns:,} campaigns")
            if column == 0:
                axes.set_ylabel(f"{name}: hours late")
    grid[1][1].set_xlabel("requests a day (grey: all that a key has)")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=3, fontsize="small"
    )
    figure.savefig(DOCS / "frontier.svg", metadata={"Date": None})
    plt.close(figure)


def _draw_policies(
    axes: Any, by_runs: dict[str, dict[str, frontier.Played]], part: float
) -> None:
    """Draw a line through the schedule's budgets, and a point for reading all."""
    for place, (runs, by_name) in enumerate(by_runs.items()):
        points = {name: (one.a_day, one.share(part)) for name, one in by_name.items()}
        plain, color = points.pop(frontier.PLAIN), f"C{place}"
        line = zip(*points.values(), strict=True)
        axes.plot(*line, marker="o", color=color, label=f"schedule, {runs}")
        label = f"{frontier.PLAIN}, {runs}"
        axes.plot(*plain, "s", color=color, label=label, markersize=5)


def looking() -> tuple[Table, dict[int, dict[str, dict[str, frontier.Played]]]]:
    """Return the cost of change detection, and the lateness of clicks, by policy."""
    played = {one: frontier.measure(one) for one in frontier.CAMPAIGNS}
    table = [frontier.HEAD]
    for campaigns, by_runs in played.items():
        table += frontier.rows(campaigns, by_runs)
    return table, played


def markdown(title: str, table: Table) -> str:
    """Return a table with a title."""
    head, *rows = table
    lines = [head, ["---"] * len(head), *rows]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"### {title}\n\n{body}\n"


def sections() -> Iterable[str]:
    """Measure everything, and yield each part as it is done."""
    table, played = looking()
    frontier_chart(played)
    yield markdown(f"Looking for change, {DAYS} simulated days", table)
    yield "![Lateness of clicks by requests a day](frontier.svg)\n"
    yield markdown("Requests", requests_of_runs())
    table, rates = useful_rates()
    chart("rate", ("seconds of latency", "useful requests/s"), rates)
    yield markdown("Useful requests a second, 4 allowed", table)
    yield "![Useful requests a second by latency](rate.svg)\n"
    clicks = ACTIVITIES_WITH_MANY * CLICKS_EACH
    yield markdown(f"Records a second, {clicks:,} clicks, no limit", throughput())
    yield markdown("Where the processor time goes", steps())
    yield markdown(f"A STATE of {ACTIVITIES:,} activities", states())
    yield markdown("A million clicks", memory())
    table, seconds = growth()
    chart("growth", ("activities with 10 clicks each", "seconds"), seconds)
    yield markdown("Growth by activities, no limit", table)
    yield "![Seconds by number of activities](growth.svg)\n"


def main() -> None:
    """Print the parts, and write them into docs/performance.md."""
    parts = []
    for part in sections():
        print(part, flush=True)
        parts.append(part)
    path = DOCS / "performance.md"
    before, _, rest = path.read_text("utf-8").partition(START)
    _, _, after = rest.partition(END)
    text = f"{before}{START}\n" + "\n".join(parts) + f"{END}{after}"
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()

"""Draw the charts and the page of ``cc-clicks report``.

Requires the ``[report]`` extra. Rows come from the queries in ``report.py``.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from string import Template
from typing import Any, TypeAlias

import altair as alt
import vl_convert

from tap_cc_clicks.api.text import printable

Row: TypeAlias = tuple[Any, ...]
Spec: TypeAlias = dict[str, Any]

LONGEST_LABEL = 120
# An email address in a subject or a link.
ADDRESS = re.compile(r"[^\s/?#&=<>]+(@|%40)[^\s/?#&=<>]+", re.IGNORECASE)
STAGES = {
    "Sent": "#8a97a8",
    "Delivered": "#5b93d6",
    "Opened": "#3a78c9",
    "Clicked": "#1f9d78",
    "Opted out": "#d9730d",
}
PEOPLE, MACHINES = STAGES["Opened"], STAGES["Opted out"]
BAR, LABEL = 17, 30
# The scale's length by that of the longest bar: leaves room for its text.
BESIDE = 1.9
# The least upper end of the scale: small shares should not fill the chart.
LEAST_SHARE = 0.1
INK = "currentColor"
# The charts' text has the colour of the page's, in light and dark mode.
LOOK: Spec = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        **{f"{part}Color": INK for part in ("label", "title", "tick", "domain")},
        "gridColor": INK,
        "gridOpacity": 0.15,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "text": {"color": INK, "fontSize": 12},
}
SCRIPT = """
for (const figure of document.querySelectorAll("figure")) {
  const data = figure.querySelector("script");
  const place = figure.querySelector("div");
  if (data) vegaEmbed(place, JSON.parse(data.textContent),
                      {actions: false, renderer: "svg", ast: true});
}
"""
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
 style-src 'unsafe-inline'; script-src $hash">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Email clicks</title>
<style>
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif }
body { margin: 0 auto; max-width: 76rem; padding: 1rem }
h1 { font-size: 1.5rem; margin: 0 }
h2 { font-size: 1.1rem; margin: 0 }
p { margin: 0; opacity: .75 }
main { display: grid; gap: 1rem; margin-top: 1rem }
@media (min-width: 56rem) {
  main { grid-template-columns: 1fr 1fr } #funnel { grid-row: span 2 }
}
figure { margin: 0; padding: 1rem; border: 1px solid #8884; border-radius: .5rem;
  min-width: 0 }
figure div { width: 100%; margin: .75rem 0 }
</style>
</head>
<body>
<h1>Email clicks</h1>
<p>Written $written</p>
<main>
$figures</main>
<script>$script</script>
</body>
</html>
""")


def label(*parts: object) -> str:
    """Join text to one short line without control characters and email addresses."""
    text = " · ".join(str(part) for part in parts if part)
    return printable(ADDRESS.sub("…", text), LONGEST_LABEL) or "(unnamed)"


def at(moment: object) -> str:
    """Format a timestamp of the marts, which are in UTC."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if isinstance(moment, datetime) else ""


def steps(counts: Iterable[Any]) -> list[tuple[str, int]]:
    """Return the stages of an email's funnel that were loaded."""
    stages = zip(STAGES, counts, strict=True)
    return [(stage, int(number)) for stage, number in stages if number is not None]


def funnel(rows: Sequence[Row]) -> Spec:
    """Draw the funnel of each email."""
    bars = []
    for place, (name, role, sent, *counts, _) in enumerate(rows):
        resend = "resend" if role == "resend" else ""
        email = label(name, resend, sent and f"{sent:%Y-%m-%d}")
        stages = steps(counts)
        whole = max(number for _, number in stages) or 1
        bars += [
            _bar(place, email, stage, number, f"{number:,} · {number / whole:.1%}")
            for stage, number in stages
        ]
    return _bars(bars, STAGES, named=True)


def links(rows: Sequence[Row]) -> Spec:
    """Draw the clicks of each link."""
    bars = [
        _bar(place, label(f"{host}{path or ''}"), "Clicks", int(clicks), f"{clicks:,}")
        for place, (host, path, clicks, _) in enumerate(rows)
    ]
    return _bars(bars, {"Clicks": PEOPLE})


def devices(rows: Sequence[Row]) -> Spec:
    """Draw the clicks of each device."""
    whole = sum(clicks for _, clicks, _ in rows)
    bars = [
        _bar(place, label(name), "Clicks", clicks, f"{clicks:,} · {clicks / whole:.1%}")
        for place, (name, clicks, _) in enumerate(rows)
    ]
    return _bars(bars, {"Clicks": PEOPLE})


def hours(rows: Sequence[Row]) -> Spec:
    """Draw the clicks of each hour after the send."""
    values = [
        {"hour": int(hour), "end": int(hour) + 1, "clicks": clicks}
        for hour, clicks, _ in rows
    ]
    chart = _chart(values, type="bar", color=PEOPLE)
    return _spec(
        chart.encode(
            x=alt.X("hour:Q", bin="binned", title="Hours after the send"),
            x2="end:Q",
            y=alt.Y("clicks:Q", title=None),
            tooltip=["hour:Q", alt.Tooltip("clicks:Q", format=",")],
        )
    )


def machines(rows: Sequence[Row]) -> Spec:
    """Draw the share of clicks by machines in each week."""
    values = [
        {"week": f"{week:%Y-%m-%d}", "share": by_machines / clicks, "clicks": clicks}
        for week, by_machines, clicks, _ in rows
    ]
    chart = _chart(values, type="bar", color=MACHINES)
    most = max(value["share"] for value in values)
    week = alt.Axis(
        labelExpr="utcFormat(toDate(datum.value), '%-d %b')",
        labelAngle=0,
        labelOverlap=True,
    )
    return _spec(
        chart.encode(
            x=alt.X("week:O", title="Week", axis=week),
            y=alt.Y(
                "share:Q",
                title=None,
                axis=alt.Axis(format=".0%", tickCount=5),
                scale=alt.Scale(domain=[0, max(LEAST_SHARE, most)]),
            ),
            tooltip=["week:O", alt.Tooltip("share:Q", format=".1%"), "clicks:Q"],
        )
    )


def _bar(place: int, name: str, stage: str, number: int, text: str) -> Spec:
    """Return a bar; the key starts with the position, as names may repeat."""
    return {
        "key": f"{place:02}{name}",
        "name": name,
        "stage": stage,
        "number": number,
        "text": text,
    }


def _bars(bars: list[Spec], stages: dict[str, str], *, named: bool = False) -> Spec:
    """Draw groups of bars, each below its name."""
    shown = [stage for stage in stages if any(bar["stage"] == stage for bar in bars)]
    group = BAR * len(shown)
    gap = LABEL / (group + LABEL)
    for bar in bars:
        bar["text"] = f"{bar['stage']} {bar['text']}" if named else bar["text"]
    most = max(bar["number"] for bar in bars) or 1
    place: dict[str, Any] = {
        "y": alt.Y(
            "key:N",
            sort=None,
            title=None,
            scale=alt.Scale(paddingInner=gap, paddingOuter=gap / 2, align=1),
            axis=_names(group),
        ),
        "yOffset": alt.YOffset("stage:N", sort=shown),
        "x": alt.X("number:Q", axis=None, scale=alt.Scale(domain=[0, BESIDE * most])),
        "tooltip": ["name:N", "stage:N", alt.Tooltip("number:Q", format=",")],
    }
    colour = alt.Color(
        "stage:N",
        legend=None,
        scale=alt.Scale(domain=shown, range=[stages[stage] for stage in shown]),
    )
    drawn = _chart(bars, type="bar", height=BAR - 4).encode(**place, color=colour)
    numbers = _chart(bars, type="text", align="left", dx=5)
    names = len({bar["key"] for bar in bars})
    both = alt.layer(drawn, numbers.encode(**place, text="text:N"))
    return _spec(both, height=names * (group + LABEL))


def _names(group: int) -> alt.Axis:
    """Return an axis that shows each name above its bars."""
    return alt.Axis(
        labelExpr="slice(datum.value, 2)",
        labelAlign="left",
        labelPadding=0,
        labelOffset=-group / 2 - 9,
        labelLimit=alt.ExprRef("width"),
        ticks=False,
        domain=False,
    )


def _chart(values: list[Spec], **mark: Any) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=values), mark=alt.MarkDef(**mark))


def _spec(
    chart: alt.Chart | alt.LayerChart | alt.FacetChart, height: int = 220
) -> Spec:
    sized = chart.properties(width="container", height=height)
    return {**sized.to_dict(), "config": LOOK}


def figure(name: str, title: str, note: str, spec: Spec | None, fresh: str) -> str:
    """Return the HTML of a chart."""
    # Escaped, so that no text in the JSON can close the element.
    data = json.dumps(spec).replace("<", "\\u003c")
    shown = f'<script type="application/json">{data}</script>' if spec else "No data."
    return (
        f'<figure id="{name}"><h2>{html.escape(title)}</h2><p>{html.escape(note)}</p>'
        f"<div></div>{shown}<p>{html.escape(fresh)}</p></figure>\n"
    )


def page(figures: Iterable[str], written: datetime) -> str:
    """Return the page. Its script makes no requests."""
    script = vl_convert.javascript_bundle(SCRIPT)
    return PAGE.substitute(
        figures="".join(figures), hash=_hash(script), script=script, written=at(written)
    )


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

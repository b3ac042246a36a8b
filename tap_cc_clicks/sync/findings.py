"""Differences from the documented API, each reported once.

They degrade a run without failing it. A line for each kind says what it costs and what
to do. State remembers what was reported: a finding is repeated when it concerns another
part of the answers, not when there are more of the same.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from tap_cc_clicks.api.columns import MISSING, ROLES, UNKNOWN, VALUES

UNCOUNTED, BEYOND, SHORT = "uncounted", "beyond", "short"
SENTENCES = {
    VALUES: "Values that are not what the API documents were left empty, and rows "
    "without an id left out: %s",
    MISSING: "Properties that the API documents as required do not come in all rows, "
    "and stay empty there: %s. If it stays, please report it",
    UNKNOWN: "Answers hold properties that the tap does not know: %s. They cost "
    "nothing, and are not loaded; please report it",
    ROLES: "Activities have a role that the tap does not know, and may have clicks, "
    "but no report is asked of them: %s. Please report it",
    UNCOUNTED: "The clicks of activities are not counted in a way that the tap "
    "understands: %s. A look at one of them costs a request, ten times as much; "
    "cc-clicks check shows more",
    BEYOND: "Reports have more rows than the service counts: %s. What is not counted "
    "is read with the next click that is; to look for it, have the activities read "
    "again (cc-clicks state reset)",
    SHORT: "Reports have fewer rows than the service counts: %s. They are searched "
    "again as look_requests_per_day allows, a whole report each time; to compare, "
    "cc-clicks reconcile",
}
# Kinds that cost neither requests nor rows.
FREE = frozenset({UNKNOWN})
MOST_PARTS = 20
# A limit for state, should the service differ each time.
MOST_REMEMBERED = 200

# How often something was found, by kind and part of the answers.
Counts: TypeAlias = Mapping[tuple[str, str], int]


def tell(counts: Counts, state: dict[str, Any], logger: logging.Logger) -> None:
    """Log new findings, and remember them in state.

    Args:
        counts: What the run found.
        state: The tap's state.
        logger: Where to log.
    """
    if not counts:
        return
    streams = state.setdefault("bookmarks", {})
    remembered = streams.setdefault("campaign_activities", {}).setdefault("told", [])
    new = {key for key in counts if " ".join(key) not in remembered}
    kinds = {kind for kind, _ in new}
    for kind, sentence in _sentences(counts):
        if kind in kinds:
            level = logging.INFO if kind in FREE else logging.WARNING
            logger.log(level, "%s", sentence)
    known = {*remembered, *map(" ".join, new)}
    remembered[:] = sorted(known)[:MOST_REMEMBERED]


def warnings_of(counts: Counts) -> Iterator[str]:
    """Yield a sentence for each kind of finding that costs something."""
    return (text for kind, text in _sentences(counts) if kind not in FREE)


def _sentences(counts: Counts) -> Iterator[tuple[str, str]]:
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for (kind, part), times in sorted(counts.items()):
        parts[kind].append(f"{times:,} {part}" if times else part)
    for kind, found in parts.items():
        more = ["…"] * (len(found) > MOST_PARTS)
        yield kind, SENTENCES[kind] % ", ".join(found[:MOST_PARTS] + more)

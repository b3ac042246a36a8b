"""Fast change detection: what campaign summaries tell before a counter is read.

Source: «GET an Email Campaigns Summary Report». A summary counts people, not clicks, so
it only hints at change. What is remembered of one is its fingerprint and the hour its
counters were checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from tap_cc_clicks.api.moments import is_recent, this_hour

FINGERPRINT_DIGITS = 8


def checked_now(summary: Mapping[str, Any] | None) -> str:
    """Return what to remember of a campaign whose counters were just checked."""
    return f"{fingerprint(summary)}@{this_hour()}"


def unchanged(
    check: str | None, summary: Mapping[str, Any] | None, recheck_hours: float
) -> bool:
    """Tell whether a campaign's counters need no check now.

    Args:
        check: What is remembered of the last check, or None.
        summary: The summary as it is now, or None.
        recheck_hours: How long a check is good for.
    """
    known, _, hour = (check or "").partition("@")
    recent = bool(hour) and is_recent(int(hour), recheck_hours)
    return recent and known == fingerprint(summary)


def fingerprint(counts: Mapping[str, Any] | None) -> str:
    """Return a short digest of all that a summary or an activity's counters say."""
    told = msgspec.json.encode(counts or {}, order="deterministic")
    return hashlib.sha256(told).hexdigest()[:FINGERPRINT_DIGITS]

"""Fast change detection: what campaign summaries tell before a counter is read."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from tap_cc_clicks.client import ConstantContactStream
from tap_cc_clicks.parsing import is_recent, this_hour

if TYPE_CHECKING:
    from collections.abc import Mapping

FINGERPRINT_DIGITS = 8


class Summaries(ConstantContactStream):
    """All campaigns' summaries, from «GET an Email Campaigns Summary Report».

    Not in the catalog: a summary counts people, not clicks, so it only hints at change.
    What is remembered of one is its fingerprint and the hour its counters were checked.
    """

    name = "campaign_summaries"
    path = "/reports/summary_reports/email_campaign_summaries"
    records_key = "bulk_email_campaign_summaries"

    def by_campaign(self) -> dict[str, dict[str, Any]]:
        """Return each campaign's summary; none unless change detection is fast."""
        return self.all() if self.settings.change_detection == "fast" else {}

    def all(self) -> dict[str, dict[str, Any]]:
        """Return each campaign's summary, wanted or not."""
        return {
            str(row.get("campaign_id")): row
            for page in self.reachable_pages()
            for row in page
        }

    def check(self, summary: dict[str, Any] | None) -> str | None:
        """Return what to remember of a campaign whose counters were just checked."""
        if self.settings.change_detection != "fast":
            return None
        return f"{fingerprint(summary)}@{this_hour()}"

    def unchanged(self, check: str | None, summary: dict[str, Any] | None) -> bool:
        """Tell whether a campaign's counters need no check now.

        Args:
            check: What is remembered of the last check, or None.
            summary: The summary as it is now, or None.
        """
        if self.settings.change_detection != "fast" or not check:
            return False
        known, _, hour = check.partition("@")
        recent = is_recent(int(hour), self.settings.recheck_hours)
        return recent and known == fingerprint(summary)


def fingerprint(summary: Mapping[str, Any] | None) -> str:
    """Return a short digest of all that a summary says."""
    told = msgspec.json.encode(summary or {}, order="deterministic")
    return hashlib.sha256(told).hexdigest()[:FINGERPRINT_DIGITS]

"""Agendas of simulated listings and states."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tap_cc_clicks.api.timestamps import SECONDS_PER_HOUR, earlier, now
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.declaration import CLICKS
from tap_cc_clicks.settings import Settings
from tap_cc_clicks.sync.agenda import Agenda, Planner
from tap_cc_clicks.sync.bookmarks import Bookmarks
from tap_cc_clicks.sync.event_reports import Events
from tap_cc_clicks.sync.looks import Looks
from tap_cc_clicks.sync.lookups import Activity
from tap_cc_clicks.sync.memory import CampaignMemory

HOUR = time.time() / SECONDS_PER_HOUR
OLD = 1_000
# One current time for all of a test.
MOMENTS: dict[float, str] = {}


def ago(hours: float) -> str:
    """Return the timestamp of some hours ago."""
    return earlier(now(), hours)


def listed(
    campaign_id: str, hours: float = OLD, status: str = "Done"
) -> dict[str, Any]:
    """Return the record of a campaign that changed some hours ago."""
    return {
        "campaign_id": campaign_id,
        "updated_at": MOMENTS.setdefault(hours, ago(hours)),
        "current_status": status,
    }


@dataclass
class Known:
    """A state, and the run to plan.

    Attributes:
        per_day: ``look_requests_per_day``.
        config: More settings.
        full: Whether clicks are selected as FULL_TABLE.
        planner: What more the planner is told.
    """

    per_day: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    full: bool = False
    planner: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    there: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.memory = CampaignMemory(self.state)
        self.bookmarks = Bookmarks({})
        self.looks = Looks(self.per_day, self.state, HOUR)

    def add(self, *activities: str, looked: float = 24, **told: Any) -> None:
        """Add a listed and known campaign, named after its activities."""
        name = "".join(activities) or "none"
        record = self.there[name] = listed(name, **told)
        self.memory.remember(
            name,
            activities,
            updated_at=record["updated_at"],
            looked=None if activities else int((HOUR - 24) * SECONDS_PER_HOUR),
        )
        at = int((HOUR - looked) * SECONDS_PER_HOUR) if looked else 0
        for activity in activities:
            self.memory.note_look(activity, at)

    def read(self, activity: str, url_id: str | None = None, **bookmark: Any) -> None:
        """Add the bookmark of a report that was read."""
        link = {"url_id": url_id} if url_id else {}
        context = {"campaign_activity_id": activity, **link}
        told: dict[str, Any] = {"clicks": 0, **bookmark}
        self.bookmarks.move(context, Bookmark(**told))

    def agenda(self, **summaries: dict[str, Any]) -> Agenda:
        """Return the agenda."""
        settings = Settings.from_config(self.config)
        events = Events(CLICKS, settings, self.bookmarks, reads_all=self.full)
        told: dict[str, Any] = {"reports": [events], "is_turn": always, **self.planner}
        planner = Planner(self.memory, looks=self.looks, **told)
        return planner.agenda(self.there, summaries)


def always(*_: str) -> bool:
    """Return that everything may be tried."""
    return True


def ids(items: Any) -> list[str]:
    """Return the ids of campaigns or activities."""
    return [
        one.activity_id if isinstance(one, Activity) else one.campaign_id
        for one in items
    ]


def summary(hours: float, clicks: int = 1) -> dict[str, Any]:
    """Return a summary of a campaign that was sent some hours ago."""
    sent = MOMENTS.setdefault(hours, ago(hours))
    return {"last_sent_date": sent, "unique_counts": {"clicks": clicks}}

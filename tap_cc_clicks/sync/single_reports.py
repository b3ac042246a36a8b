"""Reports of a single request: counters, links, details and send histories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from singer_sdk.helpers.types import Record
from typing_extensions import override

from tap_cc_clicks.api.service import Service
from tap_cc_clicks.api.wire import NOT_ASKED, Counters
from tap_cc_clicks.sync.failures import EMPTY
from tap_cc_clicks.sync.lookups import Activity
from tap_cc_clicks.sync.memory import (
    ABSENT,
    ASKED,
    DUE,
    NEVER_ASKED,
    CampaignMemory,
    fingerprint,
)
from tap_cc_clicks.sync.reports import BookmarkUpdate, Deferred, Expected, Report
from tap_cc_clicks.sync.schedule import HOURS_PER_DAY, is_asked_again, links_are_due

NOTHING_COUNTED = ""
# Requests a day for activities that are older than the selection of a stream.
BACKLOG_PER_DAY = 1_000


class Stats(Report):
    """Counters as records: looks request them anyway.

    Args:
        counts: The columns of counts.
        memory: Has the fingerprint of each activity's last written counters.
    """

    def __init__(
        self, stream: str, counts: Sequence[str], memory: CampaignMemory
    ) -> None:
        self.stream = stream
        self._counts = counts
        self._memory = memory

    @override
    def is_new(self, activity_id: str) -> bool:
        return False

    @property
    @override
    def counts_new(self) -> bool:
        return True

    @override
    def is_uncounted(self, activity_id: str) -> bool:
        return self._memory.fingerprint(activity_id) is None

    @override
    def is_due(self, activity: Activity, counters: Counters) -> bool:
        known = self._memory.fingerprint(activity.activity_id)
        return bool(counters.stats) and fingerprint(counters.stats) != known

    @override
    def read(
        self,
        service: Service,
        activity: Activity,
        counters: Counters,
    ) -> Iterator[list[Any] | BookmarkUpdate]:
        counts = {name: counters.stats.get(name) for name in self._counts}
        refreshed = {"last_refresh_time": counters.refreshed}
        yield [{**activity.ids, **refreshed, **counts}]
        yield BookmarkUpdate(activity.ids, fingerprint(counters.stats))

    @override
    def move(self, moved: BookmarkUpdate) -> None:
        self._memory.note_fingerprint(moved.context["campaign_activity_id"], moved.to)

    @override
    def note(self, activity: Activity, counters: Counters) -> None:
        if counters is not NOT_ASKED and not counters.stats:
            self._memory.note_fingerprint(activity.activity_id, NOTHING_COUNTED)

    @override
    def put_off(self, activity: Activity, counters: Counters, *, read: bool) -> None:
        if not read and self.is_due(activity, counters):
            self._memory.note_fingerprint(activity.activity_id, None)

    @override
    def expected(self, activity_id: str, counters: Counters) -> Expected:
        return Expected(requests=0)


class Links(Deferred):
    """An activity's links, and how many people clicked each.

    Args:
        clicks: Part of the state: by activity, the clicks counted when its links were
            read, the hour, and a third number: 1 if there were more since, ABSENT if
            the report was not there.
        counted: Returns the known counter of an activity.
        hour: This hour, since 1970.
    """

    def __init__(
        self,
        stream: str,
        clicks: dict[str, Any],
        counted: Callable[[str], int | None],
        hour: int,
    ) -> None:
        self.stream = stream
        self._clicks = clicks
        self._counted = counted
        self._hour = hour

    def _entry(self, activity_id: str) -> list[Any]:
        if activity_id not in self._clicks:
            return [self._counted(activity_id), None]
        entry = self._clicks[activity_id]
        # Version 1 of state has no hour.
        return entry if isinstance(entry, list) else [entry, 0]

    @override
    def is_uncounted(self, activity_id: str) -> bool:
        return activity_id not in self._clicks and self._counted(activity_id) is None

    @override
    def note(self, activity: Activity, counters: Counters) -> None:
        count, entry = counters.clicks, self._entry(activity.activity_id)
        if counters is not NOT_ASKED and (count is None or count != entry[0]):
            self._clicks[activity.activity_id] = [count, entry[1], 1]

    @override
    def will_be_due(self, activity: Activity, counters: Counters) -> bool:
        count, read, *_ = self._entry(activity.activity_id)
        return not count and read is None and counters.clicks != 0

    @override
    def was_read(self, activity_id: str) -> bool:
        return self._entry(activity_id)[1] is not None

    @override
    def pending(
        self, activities: Iterable[Activity], hour: float
    ) -> Iterator[Activity]:
        for activity in activities:
            count, read, *since = self._entry(activity.activity_id)
            # The report has clicked links only.
            if count == 0:
                continue
            if since == [ABSENT]:
                due = _is_asked_again(activity, read, hour)
            else:
                due = links_are_due(read, hour, clicked=bool(since))
            if due:
                yield activity

    @override
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | BookmarkUpdate]:
        links = service.links(activity.activity_id)
        yield [{**activity.ids, **link} for link in links]
        # With clicks there must be links.
        absent = not links and self.must_exist(activity, counters)
        yield BookmarkUpdate(activity.ids, None, left=EMPTY if absent else "")

    @override
    def move(self, moved: BookmarkUpdate) -> None:
        if moved.left:
            # The next run reads them again.
            return
        activity_id = moved.context["campaign_activity_id"]
        self._clicks[activity_id] = [self._entry(activity_id)[0], self._hour]

    @override
    def must_exist(self, activity: Activity, counters: Counters) -> bool:
        clicks = self._entry(activity.activity_id)[0]
        return bool(clicks) and not activity.campaign.removed

    @override
    def leave(self, context: Mapping[str, str]) -> None:
        activity_id = context["campaign_activity_id"]
        count, *_ = self._entry(activity_id)
        self._clicks[activity_id] = [count, self._hour, ABSENT]


class Backlog:
    """The daily requests for activities from before a stream was selected.

    Args:
        states: The streams' parts of the state.
        hour: The current time, in hours since 1970.

    Attributes:
        left: Requests left today, for all streams together.
    """

    def __init__(self, states: Iterable[Mapping[str, Any]], hour: int) -> None:
        self.day = hour // HOURS_PER_DAY
        spent = (state.get("backlog", (self.day, 0)) for state in states)
        self.left = BACKLOG_PER_DAY - sum(
            read for day, read in spent if day == self.day
        )


class OncePerActivity(Deferred):
    """A report that is read once per activity, and again after a change.

    Args:
        once: Which of the flags of :class:`CampaignMemory`.
        ask: Requests an activity's rows.
        state: The stream's part of the state.
        memory: Knows which activities were read.
        backlog: Shared by all such streams.
    """

    follows_clicks = False

    def __init__(
        self,
        stream: str,
        once: int,
        ask: Callable[[Service, str], list[Record]],
        *,
        state: dict[str, Any],
        memory: CampaignMemory,
        backlog: Backlog,
    ) -> None:
        self.stream = stream
        self._once = once
        self._ask = ask
        self._memory = memory
        self._allowed = backlog
        if "backlog" not in state:
            memory.forget_asked(once)
        # The last day on which something was asked, and how many older activities.
        self._spent = state.setdefault("backlog", [backlog.day, 0])
        self._last = HOURS_PER_DAY * int(self._spent[0])

    @property
    @override
    def backlog(self) -> int:
        return self._memory.never_asked(self._once)

    @override
    def will_be_due(self, activity: Activity, counters: Counters) -> bool:
        return activity.record is not None and not activity.campaign.removed

    @override
    def note(self, activity: Activity, counters: Counters) -> None:
        if activity.record is not None:
            self._memory.note_asked(activity.activity_id, self._once, DUE)

    @override
    def was_read(self, activity_id: str) -> bool:
        return self._memory.asked(activity_id, self._once) == ABSENT

    @override
    def pending(
        self, activities: Iterable[Activity], hour: float
    ) -> Iterator[Activity]:
        for activity in activities:
            known = self._memory.asked(activity.activity_id, self._once)
            # Removed campaigns have none.
            if activity.campaign.removed or known == ASKED:
                continue
            if known == ABSENT and not _is_asked_again(activity, self._last, hour):
                continue
            if known == NEVER_ASKED:
                self._allowed.left -= 1
            if known != NEVER_ASKED or self._allowed.left >= 0:
                yield activity

    @override
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | BookmarkUpdate]:
        rows = self._ask(service, activity.activity_id)
        yield [{**activity.ids, **row} for row in rows]
        # What was sent has a history.
        absent = not rows and not activity.campaign.is_at_rest
        to, left = (ABSENT, EMPTY) if absent else (ASKED, "")
        yield BookmarkUpdate(activity.ids, to, left=left)

    @override
    def move(self, moved: BookmarkUpdate) -> None:
        self._note(moved.context, moved.to)

    @override
    def leave(self, context: Mapping[str, str]) -> None:
        self._note(context, ABSENT)

    def _note(self, context: Mapping[str, str], value: int) -> None:
        activity_id, today = context["campaign_activity_id"], self._allowed.day
        old = self._memory.asked(activity_id, self._once) == NEVER_ASKED
        day, read = self._spent
        self._spent[:] = [today, old + (read if day == today else 0)]
        self._memory.note_asked(activity_id, self._once, value)


def _is_asked_again(activity: Activity, last: float, hour: float) -> bool:
    """Whether an absent report is asked for again; of removed campaigns, it is not."""
    campaign, activity_id = activity.campaign, activity.activity_id
    again = is_asked_again(activity_id, last, hour, fresh=campaign.is_fresh)
    return again and not campaign.removed

"""The reports of an activity: which to read, and how far they were read.

The pass asks in the reading thread whether a report should be read, runs ``read`` in a
worker, and calls ``move``, ``note`` and ``leave`` in the writing thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from msgspec.structs import replace
from singer_sdk.helpers.types import Record
from typing_extensions import override

from tap_cc_clicks.api.service import Service
from tap_cc_clicks.api.wire import NOT_ASKED, UNKNOWN, Counters
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.declaration import EventReport
from tap_cc_clicks.events.reading import Read, Reader, Reading
from tap_cc_clicks.events.tally import (
    ReadScope,
    compared,
    is_due,
    lasting_gap,
    new_clicks,
    rows_to_read,
)
from tap_cc_clicks.settings import Settings
from tap_cc_clicks.sync.bookmarks import Bookmarks
from tap_cc_clicks.sync.lookups import Activity
from tap_cc_clicks.sync.memory import (
    ASKED,
    DUE,
    NEVER_ASKED,
    CampaignMemory,
    fingerprint,
)
from tap_cc_clicks.sync.schedule import HOURS_PER_DAY, links_are_due

NOTHING_COUNTED = ""
# Requests a day for activities that are older than the selection of a stream.
BACKLOG_PER_DAY = 1_000


@dataclass(frozen=True)
class BookmarkUpdate:
    """The end of a report: its new bookmark.

    Attributes:
        context: The key of the bookmark.
        to: The new bookmark; its type depends on the report.
        unusable: Rows without a valid timestamp.
        new: How many of them no earlier run has reported.
        unresolved: Whether rows are left to the next run.
    """

    context: dict[str, str]
    to: Any
    unusable: int = 0
    new: int = 0
    unresolved: bool = False


@dataclass(frozen=True)
class Expected:
    """The expected cost of a report: requests, and clicks not read before."""

    requests: int = 1
    clicks: int = 0


class Report(ABC):
    """A report of an activity."""

    stream: str
    follows_clicks: ClassVar[bool] = True
    """Whether clicks can change it."""

    @abstractmethod
    def is_new(self, activity_id: str) -> bool:
        """Whether an activity's report is read, whatever the counters."""

    @abstractmethod
    def is_due(self, activity: Activity, counters: Counters) -> bool:
        """Whether it is read after a look."""

    @abstractmethod
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | BookmarkUpdate]:
        """Fetch a report: records page by page, and last the new bookmark."""

    @abstractmethod
    def move(self, moved: BookmarkUpdate) -> None:
        """Move the bookmark; all records before it were written."""

    @property
    def counts_new(self) -> bool:
        """Whether counters of new activities are requested in their first run."""
        return False

    def will_be_due(self, activity: Activity, counters: Counters) -> bool:
        """Whether it is read in a run that looks at the activity."""
        return self.is_due(activity, counters)

    def is_uncounted(self, activity_id: str) -> bool:  # noqa: ARG002
        """Whether its counters are needed and were never requested."""
        return False

    def has_rows(self, activity_id: str, counters: Counters) -> bool:  # noqa: ARG002
        """Whether rows of it were ever read or counted."""
        return bool(counters.clicks)

    def expected(self, activity_id: str, counters: Counters) -> Expected:  # noqa: ARG002
        """Return the expected cost of reading it."""
        return Expected()

    def gap(self, activity_id: str, counters: Counters) -> int:  # noqa: ARG002
        """Return how many rows it permanently has beyond its counter."""
        return 0

    def note(self, activity: Activity, counters: Counters) -> None:  # noqa: B027
        """Note the counters of a look."""

    def leave(self, context: Mapping[str, str]) -> None:  # noqa: B027
        """Note that the report does not exist, so that it is not new."""

    def put_off(  # noqa: B027
        self, activity: Activity, counters: Counters, *, read: bool
    ) -> None:
        """Mark a report that was not read, so that the next run reads it.

        Args:
            read: Whether this run has read it.
        """


class Events(Report):
    """An event report, read down to the known events.

    Args:
        report: Its declaration.
        settings: How far it is read.
        bookmarks: By activity, and by link if links are filtered.
        reads_all: Whether to ignore bookmarks and read everything.
    """

    def __init__(
        self,
        report: EventReport,
        settings: Settings,
        bookmarks: Bookmarks,
        *,
        reads_all: bool,
    ) -> None:
        self.stream = report.stream
        self._report = report
        self._bookmarks = bookmarks
        self._reads_all = reads_all
        self._page_size = settings.page_size
        self._links: Sequence[str | None] = settings.url_ids or (None,)
        self._scope = ReadScope(
            start="" if reads_all else settings.start_date or "",
            lookback=settings.lookback,
            filtered=bool(settings.url_ids),
            # A counter of people does not show when all rows were read.
            whole=report.counts_people,
        )

    @property
    def needs_counters_first(self) -> bool:
        """Whether rows cannot be compared with counters requested later."""
        return not self._scope.sees_all

    @property
    @override
    def counts_new(self) -> bool:
        # Before reading, or afterwards to compare.
        return self.needs_counters_first or not self._reads_all

    def _readings(self, activity: Activity, counters: Counters) -> Iterator[Reading]:
        for url_id in self._links:
            known = self._known(activity.activity_id, url_id)
            yield Reading(
                report=self._report,
                activity_id=activity.activity_id,
                campaign_id=activity.campaign_id,
                url_id=url_id,
                known=None if self._reads_all else known,
                counters=counters,
                scope=self._scope,
                search=activity.search and bool(known and known.search),
            )

    def _known(self, activity_id: str, url_id: str | None = None) -> Bookmark | None:
        link = {"url_id": url_id} if url_id else {}
        return self._bookmarks.find({"campaign_activity_id": activity_id, **link})

    def known(self, activity_id: str) -> list[Bookmark]:
        """Return the bookmarks of an activity, one for each filtered link."""
        known = [self._known(activity_id, url_id) for url_id in self._links]
        return [one for one in known if one is not None]

    @override
    def is_new(self, activity_id: str) -> bool:
        known = self.known(activity_id)
        return (
            self._reads_all
            or len(known) < len(self._links)
            or any(one.doubt for one in known)
        )

    @override
    def is_due(self, activity: Activity, counters: Counters) -> bool:
        known = self.known(activity.activity_id)
        searched = activity.search and any(one.search for one in known)
        if searched or self.is_new(activity.activity_id):
            return True
        # Counted clicks may appear in a fresh report at any time.
        late = activity.fresh and any(one.search for one in known)
        return late or any(is_due(one, counters) for one in known)

    @override
    def is_uncounted(self, activity_id: str) -> bool:
        known = self._known(activity_id)
        return self._scope.sees_all and known is not None and known.is_uncompared

    @override
    def has_rows(self, activity_id: str, counters: Counters) -> bool:
        read = any(one.rows_read for one in self.known(activity_id))
        return read or bool(counters.clicks)

    def counted(self, activity_id: str) -> int | None:
        """Return the known counter of clicks; None if unknown."""
        known = self._known(activity_id)
        return known.clicks if known else None

    def look_requests(self, activity_id: str) -> int:
        """Return the requests of a look at the report itself; 0 if it has a counter."""
        known = self.known(activity_id)
        return len(known) if any(one.clicks is None for one in known) else 0

    def search_requests(self, activity_id: str, hour: float) -> int:
        """Return the requests of a search for missing clicks.

        0 if none are missing, or the last search is less than a day ago.
        """
        known = [one for one in self.known(activity_id) if one.search]
        day = range(HOURS_PER_DAY)
        if all(int(hour) - one.search.hour in day for one in known if one.search):
            return 0
        return sum(self._pages(one.clicks or 0) for one in known)

    def searched(self, activity_id: str) -> float:
        """Return the hour of the last search, since 1970."""
        return min(one.search.hour for one in self.known(activity_id) if one.search)

    def is_missing(self, activity_id: str) -> bool:
        """Whether the report did not exist."""
        return any(one.is_missing for one in self.known(activity_id))

    def newest(self, activity_id: str) -> str | None:
        """Return the timestamp of the newest event read."""
        return max((one.value or "" for one in self.known(activity_id)), default=None)

    def _pages(self, rows: int) -> int:
        return max(1, -(-rows // self._page_size))

    @override
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | BookmarkUpdate]:
        for reading in self._readings(activity, counters):
            for item in Reader(service, reading).read():
                if isinstance(item, Read):
                    known = reading.known.unusable if reading.known else 0
                    item.bookmark.unusable = max(item.unusable, known)
                    new = max(0, item.unusable - known)
                    yield BookmarkUpdate(
                        reading.context,
                        item.bookmark,
                        item.unusable,
                        new,
                        unresolved=item.unresolved,
                    )
                else:
                    yield item

    @override
    def move(self, moved: BookmarkUpdate) -> None:
        if not self._reads_all:
            self._bookmarks.move(moved.context, moved.to)

    @override
    def note(self, activity: Activity, counters: Counters) -> None:
        known = self._known(activity.activity_id)
        if known and activity.only is not None and self._scope.sees_all:
            self._bookmarks.move(activity.context, compared(known, counters))

    @override
    def leave(self, context: Mapping[str, str]) -> None:
        activity_id = context["campaign_activity_id"]
        for url_id in self._links:
            if not self._reads_all and self._known(activity_id, url_id) is None:
                link = {"url_id": url_id} if url_id else {}
                there = {"campaign_activity_id": activity_id, **link}
                self._bookmarks.move(there, Bookmark(rows=0))

    @override
    def put_off(self, activity: Activity, counters: Counters, *, read: bool) -> None:
        for url_id in self._bookmarks.links(activity.activity_id):
            if read and url_id in self._links:
                continue
            known = self._known(activity.activity_id, url_id)
            if known and (activity.is_last or is_due(known, counters)):
                link = {"url_id": url_id} if url_id else {}
                context = {**activity.context, **link}
                self._bookmarks.move(context, replace(known, doubt=True))

    @override
    def gap(self, activity_id: str, counters: Counters) -> int:
        known = self._known(activity_id)
        if not self._scope.sees_all or not known:
            return 0
        return lasting_gap(known, counters)

    @override
    def expected(self, activity_id: str, counters: Counters) -> Expected:
        known = [
            None if self._reads_all else self._known(activity_id, url_id)
            for url_id in self._links
        ]
        # There are no counters for single links.
        counted = UNKNOWN if self._scope.filtered else counters
        rows = [rows_to_read(one, counted, self._scope) for one in known]
        return Expected(
            requests=sum(map(self._pages, rows)),
            clicks=max(new_clicks(one, counters) for one in known),
        )


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


class Deferred(Report):
    """A report that is read after all clicks."""

    @property
    def backlog(self) -> int:
        """How many activities from before the selection of the stream are pending."""
        return 0

    def counters(self, activity_id: str) -> Counters:  # noqa: ARG002
        """Return an activity's counters from a look of this run."""
        return NOT_ASKED

    @abstractmethod
    def pending(
        self, activities: Iterable[Activity], hour: float
    ) -> Iterator[Activity]:
        """Yield the activities whose report is pending.

        Args:
            activities: All activities, newest first.
            hour: This hour, since 1970.
        """

    @override
    def is_new(self, activity_id: str) -> bool:
        return False

    @override
    def is_due(self, activity: Activity, counters: Counters) -> bool:
        return False


class Links(Deferred):
    """An activity's links, and how many people clicked each.

    Args:
        clicks: Part of the state: by activity, the clicks counted when its links were
            read, the hour, and a third number if there were more since.
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
    def pending(
        self, activities: Iterable[Activity], hour: float
    ) -> Iterator[Activity]:
        for activity in activities:
            count, read, *clicked = self._entry(activity.activity_id)
            # The report has clicked links only.
            if count != 0 and links_are_due(read, hour, clicked=bool(clicked)):
                yield activity

    @override
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | BookmarkUpdate]:
        links = service.links(activity.activity_id)
        yield [{**activity.ids, **link} for link in links]
        # With clicks there must be links: an empty list is not trusted.
        if links or not self._entry(activity.activity_id)[0]:
            yield BookmarkUpdate(activity.ids, None)

    @override
    def move(self, moved: BookmarkUpdate) -> None:
        activity_id = moved.context["campaign_activity_id"]
        self._clicks[activity_id] = [self._entry(activity_id)[0], self._hour]

    @override
    def leave(self, context: Mapping[str, str]) -> None:
        self.move(BookmarkUpdate(dict(context), None))


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
        # The day, and how many older activities were read on it.
        self._spent = state.setdefault("backlog", [backlog.day, 0])

    @property
    @override
    def backlog(self) -> int:
        return self._memory.never_asked(self._once)

    @override
    def will_be_due(self, activity: Activity, counters: Counters) -> bool:
        return activity.record is not None and not activity.removed

    @override
    def note(self, activity: Activity, counters: Counters) -> None:
        if activity.record is not None:
            self._memory.note_asked(activity.activity_id, self._once, DUE)

    @override
    def pending(
        self, activities: Iterable[Activity], hour: float
    ) -> Iterator[Activity]:
        for activity in activities:
            known = self._memory.asked(activity.activity_id, self._once)
            # Removed campaigns have none.
            if activity.removed or known == ASKED:
                continue
            if known == NEVER_ASKED:
                self._allowed.left -= 1
            if known == DUE or self._allowed.left >= 0:
                yield activity

    @override
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | BookmarkUpdate]:
        rows = self._ask(service, activity.activity_id)
        yield [{**activity.ids, **row} for row in rows]
        yield BookmarkUpdate(activity.ids, None)

    @override
    def move(self, moved: BookmarkUpdate) -> None:
        self.leave(moved.context)

    @override
    def leave(self, context: Mapping[str, str]) -> None:
        activity_id, today = context["campaign_activity_id"], self._allowed.day
        if self._memory.asked(activity_id, self._once) == NEVER_ASKED:
            day, read = self._spent
            self._spent[:] = [today, read + 1 if day == today else 1]
        self._memory.note_asked(activity_id, self._once, ASKED)

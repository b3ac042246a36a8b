"""The reports of an activity: which are worth asking for, and where they were read to.

A report is a plain object. The pass asks it in the reading thread whether an activity
is due, runs its ``read`` in a worker, and calls ``move``, ``note`` and ``leave`` in the
thread that writes.
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
    Terms,
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
# Requests in a day for activities that were known before a stream was selected.
BACKLOG_PER_DAY = 1_000


@dataclass(frozen=True)
class Moved:
    """The end of a report: how far it is read now.

    Attributes:
        context: Whose bookmark moves.
        to: Where it moves to; each report has its own kind.
        unusable: Rows that could not be told apart.
        new: Those of them that no earlier run has told.
        in_doubt: Whether rows are left to the next run.
    """

    context: dict[str, str]
    to: Any
    unusable: int = 0
    new: int = 0
    in_doubt: bool = False


@dataclass(frozen=True)
class Expected:
    """What reading a report will take, as far as counters and bookmarks tell.

    Attributes:
        requests: Pages to ask for.
        clicks: Clicks not read before.
    """

    requests: int = 1
    clicks: int = 0


class Report(ABC):
    """A report that an activity has.

    Attributes:
        stream: The stream that its records belong to.
    """

    stream: str
    follows_clicks: ClassVar[bool] = True
    """Whether there may be news of it when people have clicked."""

    @abstractmethod
    def is_new(self, activity_id: str) -> bool:
        """Tell whether an activity's report is to be read, whatever is counted."""

    @abstractmethod
    def is_due(self, activity: Activity, counters: Counters) -> bool:
        """Tell whether it is to be read after a look."""

    @abstractmethod
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | Moved]:
        """Fetch an activity's report: records page by page, and where it ended."""

    @abstractmethod
    def move(self, moved: Moved) -> None:
        """Move the bookmark: all records before it were written."""

    @property
    def counts_new(self) -> bool:
        """Whether even new activities are counted in their first run."""
        return False

    def will_be_due(self, activity: Activity, counters: Counters) -> bool:
        """Tell whether it is read in a run that looks at an activity."""
        return self.is_due(activity, counters)

    def is_uncounted(self, activity_id: str) -> bool:  # noqa: ARG002
        """Tell whether an activity's counters are wanted that were never asked for."""
        return False

    def has_rows(self, activity_id: str, counters: Counters) -> bool:  # noqa: ARG002
        """Tell whether rows of an activity's report were ever read, or are counted."""
        return bool(counters.clicks)

    def expected(self, activity_id: str, counters: Counters) -> Expected:  # noqa: ARG002
        """Tell what it will take to read an activity's report, without reading it."""
        return Expected()

    def gap(self, activity_id: str, counters: Counters) -> int:  # noqa: ARG002
        """Return how many rows, for good, a report has beyond its counter."""
        return 0

    def note(self, activity: Activity, counters: Counters) -> None:  # noqa: B027
        """Note what a look at an activity told."""

    def leave(self, context: Mapping[str, str]) -> None:  # noqa: B027
        """Note that there is no such report, so that it is no new one."""

    def put_off(  # noqa: B027
        self, activity: Activity, counters: Counters, *, read: bool
    ) -> None:
        """Note what is due and was not read, so that the next run reads it.

        Args:
            activity: The activity.
            counters: What the service counts.
            read: Whether this run read what it wants of the report.
        """


class Events(Report):
    """A report of events, read down to what is known.

    Args:
        report: Which one.
        settings: How far it is read.
        bookmarks: Per activity; of their own for each link asked for alone.
        reads_all: Whether every report is read in full, whatever was read before.
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
        self._terms = Terms(
            start="" if reads_all else settings.start_date or "",
            lookback=settings.lookback,
            filtered=bool(settings.url_ids),
            # A counter of people does not tell when all rows were read.
            whole=report.counts_people,
        )

    @property
    def needs_counters_first(self) -> bool:
        """Whether what is read cannot be compared with counters asked for later."""
        return not self._terms.sees_all

    @property
    @override
    def counts_new(self) -> bool:
        # If not before, then to compare with what was read.
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
                terms=self._terms,
                search=activity.search and bool(known and known.search),
            )

    def _known(self, activity_id: str, url_id: str | None = None) -> Bookmark | None:
        link = {"url_id": url_id} if url_id else {}
        return self._bookmarks.find({"campaign_activity_id": activity_id, **link})

    def known(self, activity_id: str) -> list[Bookmark]:
        """Return the bookmarks of an activity, one for each link asked for alone."""
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
        # What a fresh report does not show yet may come at any moment.
        late = activity.fresh and any(one.search for one in known)
        return late or any(is_due(one, counters) for one in known)

    @override
    def is_uncounted(self, activity_id: str) -> bool:
        known = self._known(activity_id)
        return self._terms.sees_all and known is not None and known.is_uncompared

    @override
    def has_rows(self, activity_id: str, counters: Counters) -> bool:
        read = any(one.rows_read for one in self.known(activity_id))
        return read or bool(counters.clicks)

    def counted(self, activity_id: str) -> int | None:
        """Return how many clicks the service had counted; None if that is unknown."""
        known = self._known(activity_id)
        return known.clicks if known else None

    def look_requests(self, activity_id: str) -> int:
        """Return what a look at the report itself costs; 0 where counters tell."""
        known = self.known(activity_id)
        return len(known) if any(one.clicks is None for one in known) else 0

    def search_requests(self, activity_id: str, hour: float) -> int:
        """Return what a search for what is counted, and was not shown, would cost.

        0 if nothing is missing, or it was searched for within a day.
        """
        known = [one for one in self.known(activity_id) if one.search]
        day = range(HOURS_PER_DAY)
        if all(int(hour) - one.search.hour in day for one in known if one.search):
            return 0
        return sum(self._pages(one.clicks or 0) for one in known)

    def searched(self, activity_id: str) -> float:
        """Return when that was searched for last, in hours since 1970."""
        return min(one.search.hour for one in self.known(activity_id) if one.search)

    def is_missing(self, activity_id: str) -> bool:
        """Tell whether there was no such report when it was asked for."""
        return any(one.is_missing for one in self.known(activity_id))

    def newest(self, activity_id: str) -> str | None:
        """Return when the newest event that was read happened."""
        return max((one.value or "" for one in self.known(activity_id)), default=None)

    def _pages(self, rows: int) -> int:
        return max(1, -(-rows // self._page_size))

    @override
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | Moved]:
        for reading in self._readings(activity, counters):
            for item in Reader(service, reading).read():
                if isinstance(item, Read):
                    known = reading.known.unusable if reading.known else 0
                    item.bookmark.unusable = max(item.unusable, known)
                    new = max(0, item.unusable - known)
                    yield Moved(
                        reading.context,
                        item.bookmark,
                        item.unusable,
                        new,
                        in_doubt=item.in_doubt,
                    )
                else:
                    yield item

    @override
    def move(self, moved: Moved) -> None:
        if not self._reads_all:
            self._bookmarks.move(moved.context, moved.to)

    @override
    def note(self, activity: Activity, counters: Counters) -> None:
        known = self._known(activity.activity_id)
        if known and activity.only is not None and self._terms.sees_all:
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
        if not self._terms.sees_all or not known:
            return 0
        return lasting_gap(known, counters)

    @override
    def expected(self, activity_id: str, counters: Counters) -> Expected:
        known = [
            None if self._reads_all else self._known(activity_id, url_id)
            for url_id in self._links
        ]
        # What is counted is not told by link.
        counted = UNKNOWN if self._terms.filtered else counters
        rows = [rows_to_read(one, counted, self._terms) for one in known]
        return Expected(
            requests=sum(map(self._pages, rows)),
            clicks=max(new_clicks(one, counters) for one in known),
        )


class Stats(Report):
    """Counters: looks ask for them, and what they are told is written too.

    Args:
        stream: The stream's name.
        counts: The columns that are counts.
        memory: Knows the fingerprint of each activity's counters as last written.
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
    ) -> Iterator[list[Any] | Moved]:
        counts = {name: counters.stats.get(name) for name in self._counts}
        refreshed = {"last_refresh_time": counters.refreshed}
        yield [{**activity.ids, **refreshed, **counts}]
        yield Moved(activity.ids, fingerprint(counters.stats))

    @override
    def move(self, moved: Moved) -> None:
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


class Owed(Report):
    """A report that is no news: what is owed of it is read after all clicks."""

    @property
    def backlog(self) -> int:
        """How much is owed of what was known before the stream was selected."""
        return 0

    def counters(self, activity_id: str) -> Counters:  # noqa: ARG002
        """Return an activity's counters, where a look of this run was told them."""
        return NOT_ASKED

    @abstractmethod
    def owed(self, activities: Iterable[Activity], hour: float) -> Iterator[Activity]:
        """Yield the activities of which it is owed.

        Args:
            activities: All there are, newest first.
            hour: This hour, since 1970.
        """

    @override
    def is_new(self, activity_id: str) -> bool:
        return False

    @override
    def is_due(self, activity: Activity, counters: Counters) -> bool:
        return False


class Links(Owed):
    """An activity's links and how many people clicked each.

    Args:
        stream: The stream's name.
        clicks: By activity, the clicks counted when its links were read, and in which
            hour; part of the state. A third number says that there were more since.
        counted: Returns the clicks counted of an activity, where that is known.
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
        """Return the clicks counted, when links were read, and whether more came."""
        if activity_id not in self._clicks:
            return [self._counted(activity_id), None]
        entry = self._clicks[activity_id]
        # Versions before did not know when.
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
    def owed(self, activities: Iterable[Activity], hour: float) -> Iterator[Activity]:
        for activity in activities:
            count, read, *clicked = self._entry(activity.activity_id)
            # Links that nobody clicked are not in the report.
            if count != 0 and links_are_due(read, hour, clicked=bool(clicked)):
                yield activity

    @override
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | Moved]:
        links = service.links(activity.activity_id)
        yield [{**activity.ids, **link} for link in links]
        # Clicks are clicks on links: a list without any is none to be believed.
        if links or not self._entry(activity.activity_id)[0]:
            yield Moved(activity.ids, None)

    @override
    def move(self, moved: Moved) -> None:
        activity_id = moved.context["campaign_activity_id"]
        self._clicks[activity_id] = [self._entry(activity_id)[0], self._hour]

    @override
    def leave(self, context: Mapping[str, str]) -> None:
        self.move(Moved(dict(context), None))


class Backlog:
    """What may be asked in a day of activities that were known before.

    For all streams together: none of them waits while there are requests left.

    Args:
        states: The streams' parts of the state.
        hour: This hour, since 1970.

    Attributes:
        left: Requests left of this day's.
    """

    def __init__(self, states: Iterable[Mapping[str, Any]], hour: int) -> None:
        self.day = hour // HOURS_PER_DAY
        spent = (state.get("backlog", (self.day, 0)) for state in states)
        self.left = BACKLOG_PER_DAY - sum(
            read for day, read in spent if day == self.day
        )


class Once(Owed):
    """What is asked for once of each activity, and again after a change.

    Args:
        stream: The stream's name.
        once: What it is to the memory.
        ask: Asks for an activity's rows.
        state: The stream's part of the state.
        memory: Knows of which activities it was asked for.
        backlog: What is left of the day for those that were known before.
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
        # How many of the backlog were read on which day.
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
    def owed(self, activities: Iterable[Activity], hour: float) -> Iterator[Activity]:
        for activity in activities:
            known = self._memory.asked(activity.activity_id, self._once)
            # The API has none of what was removed.
            if activity.removed or known == ASKED:
                continue
            if known == NEVER_ASKED:
                self._allowed.left -= 1
            if known == DUE or self._allowed.left >= 0:
                yield activity

    @override
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | Moved]:
        rows = self._ask(service, activity.activity_id)
        yield [{**activity.ids, **row} for row in rows]
        yield Moved(activity.ids, None)

    @override
    def move(self, moved: Moved) -> None:
        self.leave(moved.context)

    @override
    def leave(self, context: Mapping[str, str]) -> None:
        activity_id, today = context["campaign_activity_id"], self._allowed.day
        if self._memory.asked(activity_id, self._once) == NEVER_ASKED:
            day, read = self._spent
            self._spent[:] = [today, read + 1 if day == today else 1]
        self._memory.note_asked(activity_id, self._once, ASKED)

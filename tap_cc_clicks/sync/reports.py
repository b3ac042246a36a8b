"""The reports of an activity: which are worth asking for, and where they were read to.

A report is a plain object. The pass asks it in the reading thread whether an activity
is due, runs its ``read`` in a worker, and calls ``move`` and ``skip`` in the thread
that writes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from tap_cc_clicks.api.service import Service
from tap_cc_clicks.api.wire import UNKNOWN, Counters
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.declaration import EventReport
from tap_cc_clicks.events.reading import Read, Reader, Reading
from tap_cc_clicks.events.tally import (
    Terms,
    is_due,
    lasting_gap,
    new_clicks,
    rows_to_read,
)
from tap_cc_clicks.settings import Settings
from tap_cc_clicks.sync.bookmarks import Bookmarks
from tap_cc_clicks.sync.lookups import Activity
from tap_cc_clicks.sync.summaries import fingerprint

NOT_READ = -1
NOTHING_COUNTED = ""


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
        sure: Whether it will be just so many requests.
        clicks_sure: Whether it will be just so many clicks.
    """

    requests: int = 1
    clicks: int = 0
    sure: bool = True
    clicks_sure: bool = True


class Report(ABC):
    """A report that an activity has.

    Attributes:
        stream: The stream that its records belong to.
    """

    stream: str
    needs_counters: ClassVar[bool] = False
    """Whether counters are asked for even where change detection does not want them."""

    @abstractmethod
    def is_due(self, activity: Activity, counters: Counters) -> bool:
        """Tell whether an activity's report is to be read."""

    @abstractmethod
    def has_read(self, activity_id: str) -> bool:
        """Tell whether an activity's report was ever read."""

    def has_rows(self, activity_id: str) -> bool:  # noqa: ARG002
        """Tell whether rows of an activity's report were ever read."""
        return False

    @abstractmethod
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | Moved]:
        """Fetch an activity's report: records page by page, and where it ended."""

    @abstractmethod
    def move(self, moved: Moved) -> None:
        """Move the bookmark: all records before it were written."""

    def expected(self, activity: Activity, counters: Counters) -> Expected:  # noqa: ARG002
        """Tell what it will take to read an activity's report, without reading it."""
        return Expected()

    def gap(self, activity: Activity, counters: Counters) -> int:  # noqa: ARG002
        """Return how many rows, for good, a report has beyond its counter."""
        return 0

    def skip(  # noqa: B027 - most have nothing to note
        self, activity: Activity, counters: Counters, *, counted: bool
    ) -> None:
        """Note that an activity's report need not be read.

        Args:
            activity: The activity.
            counters: What the service counts of it.
            counted: Whether it was asked for that.
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
        self._always = reads_all or settings.change_detection == "off"
        self._links: Sequence[str | None] = settings.url_ids or (None,)
        self._terms = Terms(
            start="" if reads_all else settings.start_date or "",
            lookback=settings.lookback,
            recheck_hours=settings.recheck_hours,
            filtered=bool(settings.url_ids),
        )

    def _readings(
        self, activity_id: str, campaign_id: str | None, counters: Counters
    ) -> Iterator[Reading]:
        for url_id in self._links:
            wanted = Reading(
                report=self._report,
                activity_id=activity_id,
                campaign_id=campaign_id,
                url_id=url_id,
                known=None if self._reads_all else self._known(activity_id, url_id),
                counters=counters,
                terms=self._terms,
            )
            yield wanted

    def _known(self, activity_id: str, url_id: str | None) -> Bookmark | None:
        link = {"url_id": url_id} if url_id else {}
        return self._bookmarks.find({"campaign_activity_id": activity_id, **link})

    def is_due(self, activity: Activity, counters: Counters) -> bool:
        """Tell whether counters or freshness ask for a look."""
        return (
            self._always
            or activity.hot
            or any(
                is_due(self._known(activity.activity_id, url_id), counters, self._terms)
                for url_id in self._links
            )
        )

    def has_read(self, activity_id: str) -> bool:
        """Tell whether there is a bookmark, of each link that is asked for."""
        return self._reads_all or all(
            self._known(activity_id, url_id) is not None for url_id in self._links
        )

    @override
    def has_rows(self, activity_id: str) -> bool:
        known = [self._known(activity_id, url_id) for url_id in self._links]
        return any(one.rows_read for one in known if one)

    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | Moved]:
        """Fetch the events that are new."""
        readings = self._readings(activity.activity_id, activity.campaign_id, counters)
        for reading in readings:
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

    def move(self, moved: Moved) -> None:
        """Move the bookmark, unless everything is read each time."""
        if not self._reads_all:
            self._bookmarks.move(moved.context, moved.to)

    @override
    def gap(self, activity: Activity, counters: Counters) -> int:
        known = self._known(activity.activity_id, None)
        if self._terms.start or self._terms.filtered or not known:
            return 0
        return lasting_gap(known, counters)

    def expected(self, activity: Activity, counters: Counters) -> Expected:
        """Tell how many pages there are to read, and how many clicks."""
        readings = self._readings(activity.activity_id, None, counters)
        known = [reading.known for reading in readings]
        # What is counted is not told by link.
        counted = UNKNOWN if self._terms.filtered else counters
        rows = [rows_to_read(one, counted, self._terms) for one in known]
        return Expected(
            requests=sum(max(1, -(-count // self._page_size)) for count in rows),
            clicks=max(new_clicks(one, counters) for one in known),
            # All on one page takes one request, whichever of them are new.
            sure=counted.clicks is not None and counted.clicks <= self._page_size,
            clicks_sure=counted.clicks is not None and not self._terms.start,
        )


class Links(Report):
    """An activity's links and how many people clicked each.

    Args:
        stream: The stream's name.
        clicks: The clicks counted by activity when its links were last read; part of
            the state.
    """

    def __init__(self, stream: str, clicks: dict[str, int | None]) -> None:
        self.stream = stream
        self._clicks = clicks

    def is_due(self, activity: Activity, counters: Counters) -> bool:
        """Tell whether clicks came since the links were read."""
        known = self._clicks.get(activity.activity_id, NOT_READ)
        return counters.clicks is None or counters.clicks != known

    def has_read(self, activity_id: str) -> bool:
        """Tell whether the links were ever read."""
        return activity_id in self._clicks

    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | Moved]:
        """Fetch the links."""
        links = service.links(activity.activity_id)
        yield [{**activity.ids, **link} for link in links]
        # Clicks are clicks on links: a list without any is none to be believed.
        if links or not counters.clicks:
            yield Moved(activity.ids, counters.clicks)

    def move(self, moved: Moved) -> None:
        """Remember how many clicks there were."""
        self._clicks[moved.context["campaign_activity_id"]] = moved.to


class Stats(Report):
    """Counters: change detection asks for them, and what it is told is written too.

    Args:
        stream: The stream's name.
        counts: The columns that are counts.
        prints: The fingerprint of each activity's counters as last written; part of the
            state.
    """

    needs_counters = True

    def __init__(
        self, stream: str, counts: Sequence[str], prints: dict[str, str]
    ) -> None:
        self.stream = stream
        self._counts = counts
        self._prints = prints

    def is_due(self, activity: Activity, counters: Counters) -> bool:
        """Tell whether the counters have changed."""
        known = self._prints.get(activity.activity_id)
        return bool(counters.stats) and fingerprint(counters.stats) != known

    def has_read(self, activity_id: str) -> bool:
        """Tell whether counters were ever written, or there were none."""
        return activity_id in self._prints

    def read(
        self,
        service: Service,  # noqa: ARG002
        activity: Activity,
        counters: Counters,
    ) -> Iterator[list[Any] | Moved]:
        """Make a record of the counters, without a request."""
        counts = {name: counters.stats.get(name) for name in self._counts}
        refreshed = {"last_refresh_time": counters.refreshed}
        yield [{**activity.ids, **refreshed, **counts}]
        yield Moved(activity.ids, fingerprint(counters.stats))

    def move(self, moved: Moved) -> None:
        """Remember the counters' fingerprint."""
        self._prints[moved.context["campaign_activity_id"]] = moved.to

    def skip(self, activity: Activity, counters: Counters, *, counted: bool) -> None:
        """Note an activity of which the service counts nothing."""
        if counted and not counters.stats:
            self._prints[activity.activity_id] = NOTHING_COUNTED

    @override
    def expected(self, activity: Activity, counters: Counters) -> Expected:
        return Expected(requests=0)

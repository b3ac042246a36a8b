"""What the pass asks of each report of an activity.

In the reading thread: whether the report should be read. In a worker: ``read``. In the
writing thread: ``move``, ``note``, ``leave`` and ``put_off``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from tap_cc_clicks.api.service import Service
from tap_cc_clicks.api.wire import NOT_ASKED, Counters
from tap_cc_clicks.sync.lookups import Activity


@dataclass(frozen=True)
class BookmarkUpdate:
    """The end of a report: its new bookmark.

    Attributes:
        context: The key of the bookmark.
        to: The new bookmark; its type depends on the report.
        unusable: Rows without a valid timestamp.
        new: How many of them no earlier run has reported.
        left: Why rows are left to later runs; empty if none are.
    """

    context: dict[str, str]
    to: Any
    unusable: int = 0
    new: int = 0
    left: str = ""


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

    def must_exist(self, activity: Activity, counters: Counters) -> bool:
        """Whether it should not be missing: rows of it were read or counted.

        Of a removed campaign, rows that were counted and not read.
        """
        return bool(counters.clicks) and not activity.campaign.removed

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
    def was_read(self, activity_id: str) -> bool:
        """Whether the report was read before."""

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

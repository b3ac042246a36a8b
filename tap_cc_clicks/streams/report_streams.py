"""Base classes of the streams of reports."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, ClassVar

from singer_sdk.exceptions import FatalAPIError
from singer_sdk.helpers.types import Context, Record
from typing_extensions import override

from tap_cc_clicks.api.errors import GoneError, RunEndedError
from tap_cc_clicks.events.declaration import EventReport
from tap_cc_clicks.streams.base import ConstantContactStream
from tap_cc_clicks.sync.bookmarks import Bookmarks
from tap_cc_clicks.sync.event_reports import Events
from tap_cc_clicks.sync.failures import LeftAloneError
from tap_cc_clicks.sync.fetching import StartedActivity
from tap_cc_clicks.sync.findings import BEYOND, SHORT
from tap_cc_clicks.sync.readahead import Job
from tap_cc_clicks.sync.reports import BookmarkUpdate, Report


class ReportStream(ConstantContactStream):
    """A stream with a report per activity, fetched by the parent's pass."""

    @property
    @abstractmethod
    def report(self) -> Report:
        """The report to read."""

    @property
    def has_state(self) -> bool:
        """Whether new events are noted in state even if the stream is not selected."""
        return False

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield none: the parent's pass writes each report."""
        return ()

    def write_report(self, started: StartedActivity) -> bool:
        """Write an activity's report, then move its bookmark.

        Returns:
            Whether the report is complete, or its failure was noted.
        """
        job = started.reads.get(self.name)
        if job is None:
            activity_id, counters = started.activity.activity_id, started.counters
            gap = self.report.gap(activity_id, counters) if started.at else 0
            if gap:
                self.run.anomalies.note(BEYOND if gap > 0 else SHORT, f"of {self.name}")
            return self.name not in started.left
        whole = self._write(job, started)
        self._tap.paced.write_state(self.tap_state)
        return whole

    def _write(self, job: Job[Any], started: StartedActivity) -> bool:
        try:
            moved: list[BookmarkUpdate] = []
            self.write_pages(self._pages(job, moved))
            self._move(moved)
            self.run.progress.reports += 1
            self.run.failures.succeeded(self.name, started.activity.activity_id)
        except RunEndedError as reason:
            self.run.log_end(reason)
            return False
        except GoneError as error:
            self._gone(started, error)
        except FatalAPIError as error:
            self._failed(started, error)
            return not isinstance(error, LeftAloneError)
        return True

    def _failed(self, started: StartedActivity, error: Exception) -> None:
        activity = started.activity
        if activity.campaign.removed:
            self.run.failures.excuse([activity.activity_id])
        self.run.failures.record(self.name, activity.activity_id, error)

    def _gone(self, started: StartedActivity, error: GoneError) -> None:
        """Handle a missing report (404): an error if it should have rows."""
        activity = started.activity
        if self.report.must_exist(activity, started.counters):
            self._failed(started, error)
            return
        if activity.campaign.removed:
            self.run.failures.succeeded(self.name, activity.activity_id)
        else:
            self.run.failures.put_off(self.name, activity.activity_id)
        self.report.leave(activity.ids)

    def _pages(self, job: Job[Any], moved: list[BookmarkUpdate]) -> Iterator[list[Any]]:
        """Yield pages; the one before was written when the next is requested."""
        for item in job:
            if isinstance(item, BookmarkUpdate):
                moved.append(item)
                if not self.batching:
                    self._move(moved)
            else:
                self.run.progress.records += len(item)
                yield item
            self.run.heartbeat()

    def _move(self, moved: list[BookmarkUpdate]) -> None:
        for one in moved:
            self.report.move(one)
            if one.left:
                activity_id = one.context["campaign_activity_id"]
                self.run.failures.put_off(self.name, activity_id, one.left)
            if one.unusable:
                self._log_unusable(one)
        moved.clear()

    def _log_unusable(self, moved: BookmarkUpdate) -> None:
        """Log rows without a timestamp: an error once, then a warning."""
        activity_id = moved.context["campaign_activity_id"]
        message = f"{moved.unusable:,} rows have no readable created_time: left out"
        if moved.new:
            failures = self.run.failures
            failures.missing(self.name, activity_id, FatalAPIError(message))
        else:
            self.logger.warning(
                "%s of activity %s: %s", self.name, activity_id, message
            )


class EventStream(ReportStream):
    """A stream of events, incremental by activity."""

    declaration: ClassVar[EventReport]
    reads: ClassVar[type[Events]] = Events
    """What reads the report."""
    keeps: ClassVar[type[Bookmarks]] = Bookmarks
    """In which form state keeps how far it was read."""
    replication_key = "created_time"

    @property
    @override
    def has_state(self) -> bool:
        # Not made by asking: an empty bookmark would be one, too.
        return bool(self.tap_state.get("bookmarks", {}).get(self.name))

    @cached_property
    @override
    def report(self) -> Report:
        return self.reads(
            self.declaration,
            self.run.settings,
            self.keeps(self.stream_state),
            reads_all=self.reads_all,
        )

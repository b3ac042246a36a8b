"""What the streams of reports share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeAlias

from singer_sdk.exceptions import FatalAPIError
from singer_sdk.helpers.types import Context, Record
from typing_extensions import override

from tap_cc_clicks.api.errors import EndlessPagesError, GoneError, RunEndedError
from tap_cc_clicks.events.declaration import EventReport
from tap_cc_clicks.streams.base import ConstantContactStream
from tap_cc_clicks.sync.bookmarks import Bookmarks
from tap_cc_clicks.sync.campaign_pass import Started
from tap_cc_clicks.sync.readahead import Ahead
from tap_cc_clicks.sync.reports import Events, Moved, Report

End: TypeAlias = Literal["whole", "cut", "gone"]
WHOLE: End = "whole"
CUT: End = "cut"
GONE: End = "gone"


class ReportStream(ConstantContactStream):
    """A stream with a report per activity, fetched by the parent's pass."""

    @property
    @abstractmethod
    def report(self) -> Report:
        """What is asked for, and where it was read to."""

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield none: the parent's pass hands over each report by its pages."""
        return ()

    def write_report(self, started: Started) -> End:
        """Write an activity's report, and move the bookmark after it.

        Returns:
            What came of it.
        """
        job = started.reads.get(self.name)
        if job is None:
            activity, counters = started.activity, started.counters
            self.report.skip(activity, counters, counted=started.counted)
            return WHOLE
        end = self._write(job, started.activity.activity_id)
        self._tap.paced.write_state(self.tap_state)
        return end

    def _write(self, job: Ahead[Any], activity_id: str) -> End:
        try:
            moved: list[Moved] = []
            self.write_pages(self._pages(job, moved))
            self._move(moved)
            self.run.progress.reports += 1
        except RunEndedError as reason:
            self.run.tell_end(reason)
        except EndlessPagesError as error:
            self.run.tell_failure(error)
        except GoneError:
            self.logger.warning("Activity %s is gone (404); skipped", activity_id)
            return GONE
        else:
            return WHOLE
        return CUT

    def _pages(self, job: Ahead[Any], moved: list[Moved]) -> Iterator[list[Any]]:
        """Yield the pages of a report; the one before was written when one is."""
        for item in job:
            if isinstance(item, Moved):
                moved.append(item)
                if not self.batching:
                    self._move(moved)
            else:
                self.run.progress.records += len(item)
                yield item
            self.run.beat()

    def _move(self, moved: list[Moved]) -> None:
        for one in moved:
            self.report.move(one)
            if one.unusable:
                message = (
                    f"Activity {one.context['campaign_activity_id']}: {one.unusable:,} "
                    f"rows of {self.name} have no readable created_time: left out"
                )
                self.run.tell_failure(FatalAPIError(message))
        moved.clear()


class EventStream(ReportStream):
    """A stream of events, incremental by activity."""

    declaration: ClassVar[EventReport]
    replication_key = "created_time"

    @cached_property
    @override
    def report(self) -> Report:
        return Events(
            self.declaration,
            self.run.service,
            self.run.settings,
            Bookmarks(self.stream_state),
            reads_all=self.reads_all,
        )

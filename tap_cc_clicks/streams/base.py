"""What the streams of reports share: read ahead by activity, written page by page."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from msgspec import Struct
from msgspec.structs import asdict
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_cc_clicks.clicks import MalformedClickError
from tap_cc_clicks.client import ConstantContactStream, GoneError
from tap_cc_clicks.limits import RunEndedError
from tap_cc_clicks.pagination import EndlessPagesError
from tap_cc_clicks.writer import PageWriter

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from singer_sdk.helpers.types import Context, Record

    from tap_cc_clicks.activities import Activity, Campaign


@dataclass(frozen=True)
class Moved:
    """The end of a report: how far it is read now.

    Attributes:
        context: Whose bookmark moves.
        to: Where it moves to; each stream has its own kind.
    """

    context: dict[str, str]
    to: Any


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


class ReportStream(ConstantContactStream):
    """A stream with a report per activity, fetched ahead by the parent's pass."""

    state_partitioning_keys = ("campaign_activity_id", "url_id")
    needs_counters: ClassVar[bool] = False
    """Whether counters are asked for even where change detection does not want them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Expect nothing yet."""
        super().__init__(*args, **kwargs)
        self._activity: Activity | None = None

    @abstractmethod
    def is_due(self, activity: Activity) -> bool:
        """Tell whether the activity's report is to be read."""

    @abstractmethod
    def has_read(self, campaign: Campaign, campaign_activity_id: str) -> bool:
        """Tell whether the report of a campaign's activity was ever read."""

    @abstractmethod
    def expected(self, activity: Activity) -> Expected:
        """Tell what it will take to read the activity's report, without reading it."""

    @abstractmethod
    def read(self, activity: Activity) -> Iterator[list[Any] | Moved]:
        """Fetch the activity's report: records page by page, and where it ended."""

    @abstractmethod
    def move(self, activity: Activity, moved: Moved) -> None:
        """Move the bookmark: all records before it were written."""

    def skip(self, activity: Activity) -> None:
        """Note that the activity's report need not be read."""

    @property
    def reads_all(self) -> bool:
        """Whether every report is read in full, whatever was read before."""
        return self.replication_method == REPLICATION_FULL_TABLE

    def expect(self, activity: Activity) -> None:
        """Take the activity whose report is read next."""
        self._activity = activity

    def items(self) -> Iterator[list[Any]]:
        """Yield the pages of the expected report, and move the bookmark after them."""
        activity, self._activity = self._activity, None
        if activity is None or self.name not in activity.reads:
            return
        try:
            for item in activity.reads[self.name]:
                if isinstance(item, Moved):
                    self.move(activity, item)
                else:
                    self._tap.state_writer.records += len(item)
                    self.run.progress.records += len(item)
                    yield item
                self.run.beat()
            self.run.progress.reports += 1
        except RunEndedError as reason:
            activity.campaign.cut = True
            self.run.tell_end(reason)
        except GoneError:
            self.logger.warning(
                "Activity %s is gone (404); skipped", activity.campaign_activity_id
            )
            activity.gone = True
        except EndlessPagesError as error:
            activity.campaign.cut = True
            self.logger.warning("%s", error)
        except MalformedClickError as error:
            activity.campaign.cut = True
            self.run.tell_failure(error)

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        for page in self.items():
            yield from map(_as_dict, page)

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        """Write pages as they are where the SDK would change nothing in them."""
        if not write_messages or not self._writes_pages:
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        writer = cast("PageWriter", self._tap.message_writer)
        for page in self.items():
            records = page
            if self._deselected:
                records = [self._selected_of(_as_dict(record)) for record in page]
            writer.write_records(self.name, records, self._stream_version)
            self._record_counter.increment(len(page))
        self._tap.state_writer.write_state(self.tap_state)

    @cached_property
    def _writes_pages(self) -> bool:
        """Whether neither a map nor a limit nor another writer wants each record."""
        maps = self.stream_maps
        return (
            isinstance(self._tap.message_writer, PageWriter)
            and len(maps) == 1
            and type(maps[0]) is SameRecordTransform
            and not maps[0].flattening_enabled
            and self.ABORT_AT_RECORD_COUNT is None
            and not self.effective_schema.get("additionalProperties")
        )

    @cached_property
    def _deselected(self) -> frozenset[str]:
        properties = self.effective_schema["properties"]
        return frozenset(
            name
            for name in self.schema["properties"]
            if name not in properties or not self.mask["properties", name]
        )

    def _selected_of(self, record: Record) -> Record:
        return {
            name: value
            for name, value in record.items()
            if name not in self._deselected
        }


def _as_dict(record: Any) -> Record:
    return asdict(record) if isinstance(record, Struct) else record

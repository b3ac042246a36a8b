"""The pass over all campaigns: from their listing to the reports worth reading.

Each stage runs ahead of the next, in threads that only fetch::

    listing → activities of new or changed campaigns → counters, ten by ten → reports

Campaigns never read come before those read before, so that a budget or a day's quota
that ends the run is spent on what is missing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from tap_cc_clicks.changes import UNKNOWN, Counters
from tap_cc_clicks.limits import RunEndedError
from tap_cc_clicks.readahead import ReadAhead

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tap_cc_clicks.readahead import Ahead
    from tap_cc_clicks.run import Run

# «GET an Email Campaign Activity Stats Report» takes so many ids at once.
IDS_PER_STATS_REQUEST = 10
# For each thread, how many items may wait between two stages; and before the reader,
# which a single long report can hold up while many short ones are fetched.
ITEMS_BETWEEN_STAGES = 2
ITEMS_BEFORE_READER = 16


@dataclass
class Campaign:
    """A campaign on its way through the pass.

    Attributes:
        row: Its row of the listing.
        look_up: Whether its activities have to be asked for.
        activity_ids: Its activities with reports.
        prints: Of each activity, the fingerprint of its counters as they were written.
        known: Whether it was looked up before.
        read_before: Whether all its reports were read before.
        summary: Its summary, if summaries are read.
        unfinished: The rows of its activities, if the run ended before their details
            were read.
        checked: Whether its activities' counters are asked for in this run.
        cut: Whether the run ended before it was done.
        missed: How many runs in a row were told that it is gone, though the listing has
            it as sent.
    """

    row: dict[str, Any]
    look_up: bool
    activity_ids: list[str] = field(default_factory=list)
    prints: dict[str, str] = field(default_factory=dict)
    known: bool = False
    read_before: bool = False
    summary: dict[str, Any] | None = None
    unfinished: list[dict[str, Any]] | None = None
    checked: bool = True
    cut: bool = False
    missed: int = 0

    @property
    def campaign_id(self) -> str:
        """The campaign's id."""
        return str(self.row["campaign_id"])

    @property
    def removed(self) -> bool:
        """Whether it was deleted: the API may answer 404 for it."""
        return str(self.row.get("current_status")).lower() == "removed"


@dataclass
class Activity:
    """A campaign activity on its way through the pass.

    Attributes:
        record: Its record, or None if it has not changed.
        has_reports: Whether there are reports of it.
        hot: Whether it is so fresh that its reports are read whatever is counted.
        counters: What the service counts of it.
        counted: Whether the service was asked for that.
        reads: The reports under way, by stream.
        gone: Whether the API no longer knows it.
    """

    campaign: Campaign
    campaign_activity_id: str
    has_reports: bool = True
    hot: bool = False
    record: dict[str, Any] | None = None
    counters: Counters = UNKNOWN
    counted: bool = False
    reads: dict[str, Ahead[Any]] = field(default_factory=dict)
    gone: bool = False

    @property
    def context(self) -> dict[str, str]:
        """The context of its child streams."""
        return {
            "campaign_activity_id": self.campaign_activity_id,
            "campaign_id": self.campaign.campaign_id,
        }


# An activity, or its campaign once all its activities went by.
Item: TypeAlias = "Activity | Campaign"


class ReportReader(Protocol):
    """A child stream: decides what it wants to read, and reads it in a thread."""

    name: str

    def is_due(self, activity: Activity) -> bool:
        """Tell whether there is something to read."""

    def read(self, activity: Activity) -> Iterable[Any]:
        """Fetch it."""


ReaderT = TypeVar("ReaderT", bound=ReportReader)


class Source(Protocol):
    """Where the pass asks: each method makes the requests it needs."""

    run: Run

    def campaigns(self) -> Iterable[Campaign]:
        """Yield the campaigns to go through."""

    def summaries(self) -> Iterator[dict[str, dict[str, Any]]]:
        """Yield all campaigns' summaries at once, if they are wanted."""

    def look_up(self, campaign: Campaign) -> Iterator[list[Activity]]:
        """Yield a campaign's activities as the API has them."""

    def remembered(self, campaign: Campaign) -> list[Activity]:
        """Return a campaign's activities as state has them."""

    def count(self, activity_ids: list[str]) -> Iterator[dict[str, Counters]]:
        """Yield the counters of up to ten activities."""


def due(activity: Activity, readers: Iterable[ReaderT]) -> list[ReaderT]:
    """Return the readers that have something to read of an activity."""
    return [
        reader for reader in readers if activity.has_reports and reader.is_due(activity)
    ]


class ActivityPass:
    """One pass over all campaigns, in the order in which they are to be read.

    Args:
        source: Asks the API, or state.
        readers: The child streams that are selected.
        counting: Whether counters are wanted.
    """

    def __init__(
        self, source: Source, readers: Sequence[ReportReader], *, counting: bool
    ) -> None:
        """Prepare the threads."""
        self._source = source
        self._readers = readers
        self._counting = counting
        self._run = source.run
        self._ahead = ReadAhead(self._run.settings.concurrency, self._run.beat)

    def __iter__(self) -> Iterator[Item]:
        """Yield activities, their reports under way, each campaign after its own."""
        buffered, threads = self._ahead.buffered, self._run.settings.concurrency
        between = ITEMS_BETWEEN_STAGES * threads
        try:
            looked_up = buffered(self._looked_up(), between)
            counted = buffered(self._counted(self._activities(looked_up)), between)
            yield from buffered(self._reading(counted), ITEMS_BEFORE_READER * threads)
        finally:
            self._ahead.close()

    def _looked_up(self) -> Iterator[tuple[Campaign, Ahead[list[Activity]] | None]]:
        try:
            for campaign in self._ordered():
                if self._run.gate.ended:
                    return
                answer = None
                if campaign.look_up:
                    answer = self._ahead.submit(self._source.look_up(campaign))
                yield campaign, answer
        except RunEndedError as reason:
            self._run.tell_end(reason)

    def _ordered(self) -> Iterator[Campaign]:
        """Yield the campaigns never read first, those read before after them.

        Without a budget, those read before fill the time in which the listing is
        waited for.
        """
        budgeted = self._run.settings.max_requests is not None
        # Both are chains of pages: side by side they take half the time.
        listing = self._ahead.buffered(self._source.campaigns())
        summaries = next(iter(self._ahead.submit(self._source.summaries())))
        read_before: deque[Campaign] = deque()
        for campaign in listing:
            campaign.summary = summaries.get(campaign.campaign_id)
            if campaign.read_before:
                read_before.append(campaign)
            else:
                yield campaign
            while read_before and listing.waiting and not budgeted:
                yield read_before.popleft()
        yield from read_before

    def _activities(
        self, looked_up: Iterable[tuple[Campaign, Ahead[list[Activity]] | None]]
    ) -> Iterator[Item]:
        for campaign, answer in looked_up:
            if answer is None:
                yield from self._source.remembered(campaign)
            elif (activities := self._answer(answer)) is not None:
                campaign.activity_ids = [
                    activity.campaign_activity_id
                    for activity in activities
                    if activity.has_reports
                ]
                yield from activities
            elif campaign.unfinished is None:
                continue
            yield campaign

    def _counted(
        self, items: Iterable[Item]
    ) -> Iterator[tuple[list[Item], Ahead[dict[str, Counters]] | None]]:
        chunk: list[Item] = []
        ids: list[str] = []
        for item in items:
            chunk.append(item)
            if isinstance(item, Activity) and self._counting and item.has_reports:
                ids.append(item.campaign_activity_id)
            if len(ids) == IDS_PER_STATS_REQUEST or not self._counting:
                yield chunk, self._count(ids)
                chunk, ids = [], []
        yield chunk, self._count(ids)

    def _count(self, ids: list[str]) -> Ahead[dict[str, Counters]] | None:
        return self._ahead.submit(self._source.count(ids)) if ids else None

    def _reading(
        self, chunks: Iterable[tuple[list[Item], Ahead[dict[str, Counters]] | None]]
    ) -> Iterator[Item]:
        for chunk, answer in chunks:
            counters = self._answer(answer) if answer else {}
            for item in chunk:
                if isinstance(item, Activity):
                    self._start_reading(item, counters)
                yield item

    def _start_reading(
        self, activity: Activity, counters: dict[str, Counters] | None
    ) -> None:
        if not activity.has_reports:
            return
        if counters is None:
            activity.campaign.cut = True
            return
        activity.counters = counters.get(activity.campaign_activity_id, UNKNOWN)
        activity.counted = self._counting
        for reader in due(activity, self._readers):
            activity.reads[reader.name] = self._ahead.submit(reader.read(activity))

    def _answer(self, answer: Ahead[Any]) -> Any:
        """Return a job's only item, or None if the run ended before it."""
        try:
            return next(iter(answer))
        except RunEndedError as reason:
            self._run.tell_end(reason)
            return None

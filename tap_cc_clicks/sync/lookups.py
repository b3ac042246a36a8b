"""Look-ups of campaigns, their activities and their counters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from singer_sdk.exceptions import FatalAPIError
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.errors import GoneError, NoStatsError
from tap_cc_clicks.api.service import Service
from tap_cc_clicks.api.timestamps import (
    SECONDS_PER_HOUR,
    hour_of,
    is_within,
    timestamp_or_none,
)
from tap_cc_clicks.api.wire import (
    DONE,
    NEVER_SENT,
    REMOVED,
    ROLES_WITH_REPORTS,
    UNKNOWN,
    Counters,
    activity_record,
)
from tap_cc_clicks.sync.failures import COUNTERS, EMPTY, LOOK_UPS
from tap_cc_clicks.sync.memory import fingerprint
from tap_cc_clicks.sync.run import Run
from tap_cc_clicks.sync.schedule import FRESH_HOURS, HOURS_PER_DAY, Look, is_at_rest
from tap_cc_clicks.sync.state_format import UNKNOWN_STATUS, kept_status


@dataclass(frozen=True)
class Campaign:
    """A campaign in listing, summaries and state.

    Attributes:
        record: Its record in the listing; None if this run did not read it.
        known: What state remembers; empty if it was never looked up.
        summary: Its summary; None if this run did not read it.
        looks: The look to charge for its look-up, if the schedule selected it.
    """

    campaign_id: str
    record: Record | None = None
    known: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] | None = None
    looks: tuple[Look, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether it was never looked up."""
        return "activities" not in self.known

    @property
    def status(self) -> str:
        """Its last known status, in lower case."""
        status = (self.record or {}).get("current_status", self.known.get("status"))
        return str(status or DONE).lower()

    @property
    def removed(self) -> bool:
        """Whether it was deleted: the API may answer 404 for it."""
        return self.status == REMOVED

    @property
    def never_sent(self) -> bool:
        """Whether it has no reports yet."""
        return self.status in NEVER_SENT

    @property
    def updated_at(self) -> str | None:
        """When it was changed."""
        updated_at: str | None = (self.record or self.known).get("updated_at")
        return updated_at

    @property
    def sent_at(self) -> str | None:
        """When it was last sent, according to its summary."""
        return timestamp_or_none((self.summary or {}).get("last_sent_date"))

    @property
    def latest(self) -> str:
        """When it was last changed or sent; empty if unknown."""
        return max(self.updated_at or "", self.sent_at or "")

    @property
    def summary_mark(self) -> str | None:
        """What state keeps of its summary: the last send and a digest of its counts."""
        if self.summary is None:
            return None
        seconds = self._sent if self.sent_at else self._sent_before
        return f"{seconds}-{fingerprint(self.summary.get('unique_counts'))}"

    @property
    def _sent(self) -> int:
        """When it was last sent, in seconds since 1970; 0 if unknown."""
        return int(hour_of(self.sent_at) * SECONDS_PER_HOUR)

    @property
    def _sent_before(self) -> int:
        """The same according to state; 0 if unknown."""
        seconds, _, _ = str(self.known.get("sent", "0-")).rpartition("-")
        return int(seconds)

    @property
    def is_hinted(self) -> bool:
        """Whether its summary has changed since the last look."""
        known = self.known.get("sent")
        mark = self.summary_mark
        return bool(known and mark and known != mark)

    @property
    def is_resent(self) -> bool:
        """Whether it was sent since its last look-up."""
        if not self.sent_at or self._sent == self._sent_before:
            return False
        if self._sent_before:
            return True
        return hour_of(self.sent_at) > hour_of(self.known.get("updated_at"))

    @property
    def needs_look_up(self) -> bool:
        """Whether the schedule repeats its look-up, since nothing else shows a change.

        It had no activities, or was not there (404), or may have been sent since.
        """
        known = self.known
        unsure = self.is_resent and not self._sent_before
        return not known.get("activities") or "looked" in known or unsure

    @property
    def is_fresh(self) -> bool:
        """Whether it was sent or changed within three days."""
        return self.is_within(FRESH_HOURS)

    @property
    def is_announced(self) -> bool:
        """Whether its summary shows a send since its last look-up."""
        return self.is_resent and bool(self._sent_before)

    @property
    def is_at_rest(self) -> bool:
        """Whether it is looked at again only if its status or date changes."""
        return is_at_rest(self.status)

    def is_within(self, hours: float) -> bool:
        """Return whether it was sent or changed within the last hours."""
        return is_within([self.updated_at, self.sent_at], hours)

    def known_activities(self) -> list[Activity]:
        """Return its activities with reports, according to state."""
        ids = [item[0] for item in self.known.get("activities", ())]
        return [Activity(self, one, counted=True) for one in ids]

    @property
    def is_recent(self) -> bool:
        """Whether it was sent or changed within a day."""
        return self.is_within(HOURS_PER_DAY)

    @property
    def is_settled(self) -> bool:
        """Whether it was sent more than a day ago, and should have counters."""
        return self.status == DONE and not self.is_recent

    @property
    def after_look(self) -> Mapping[str, Any]:
        """What state should keep of it after a look at one of its activities."""
        values: dict[str, Any] = {}
        if self.summary_mark and not self.is_resent:
            values["sent"] = self.summary_mark
        if self.record and self.known.get("status") == UNKNOWN_STATUS:
            values["status"] = kept_status(self.record["current_status"])
        return values


@dataclass(frozen=True)
class Activity:
    """An activity of a campaign, and what to do with it.

    Attributes:
        has_reports: Whether there are reports of it.
        record: Its record; None if it was not looked up.
        counted: Whether counters are read before its reports.
        search: Whether to search its report for clicks that are counted and not shown.
        looks: The looks to charge.
        only: The streams to read; None for all that are due.
        kept: Requests reserved for its report.
        is_last: Whether its reports are read once more, whatever the counters show:
            its campaign is looked at again only if its status or date changes.
    """

    campaign: Campaign
    activity_id: str
    has_reports: bool = True
    record: Record | None = None
    counted: bool = False
    search: bool = False
    looks: tuple[Look, ...] = ()
    only: frozenset[str] | None = None
    kept: int = 0
    is_last: bool = False

    @property
    def context(self) -> dict[str, str]:
        """The context of its bookmarks."""
        return {"campaign_activity_id": self.activity_id}

    @property
    def ids(self) -> dict[str, str]:
        """The ids in each record of its reports."""
        return {**self.context, "campaign_id": self.campaign.campaign_id}


@dataclass(frozen=True)
class LookupResult:
    """The result of a campaign's look-up.

    Attributes:
        activities: Its activities.
        record: Its record.
        asked: Whether the API answered, 404 included.
        gone: Whether it answered 404 for a campaign that should exist.
    """

    activities: Sequence[Activity] = ()
    record: Record | None = None
    asked: bool = False
    gone: bool = False

    @property
    def ids(self) -> list[str]:
        """The activities with reports."""
        return [one.activity_id for one in self.activities if one.has_reports]


@dataclass
class Lookups:
    """Looks campaigns and counters up. A failure affects only its own item.

    Attributes:
        run: What all streams share.
        service: The API.
        once: The API without retries.
    """

    run: Run
    service: Service
    once: Service

    def look_up(self, campaign: Campaign) -> Iterator[LookupResult]:
        """Yield the result of looking a campaign up."""
        failures, campaign_id = self.run.failures, campaign.campaign_id
        retried = failures.is_retry(LOOK_UPS, campaign_id)
        service = self.once if retried else self.service
        try:
            with failures.asking(LOOK_UPS, campaign_id):
                record, rows = service.campaign(campaign_id)
        except GoneError:
            gone = not campaign.removed
            if gone:
                failures.put_off(LOOK_UPS, campaign_id)
            known = campaign.known_activities()
            yield LookupResult(known, campaign.record, asked=True, gone=gone)
        except FatalAPIError as error:
            if campaign.removed:
                failures.excuse([campaign_id])
            failures.record(LOOK_UPS, campaign_id, error)
            yield LookupResult(campaign.known_activities())
        else:
            failures.succeeded(LOOK_UPS, campaign_id)
            record = campaign.record or record
            found = [_activity(campaign, record, row) for row in rows]
            if not found and campaign.status == DONE:
                failures.put_off(LOOK_UPS, campaign_id, EMPTY)
            there = {one.activity_id for one in found}
            # Activities that are missing now may come back.
            found += [
                one
                for one in campaign.known_activities()
                if one.activity_id not in there
            ]
            yield LookupResult(found, record, asked=True)

    def count(self, activity_ids: Sequence[str]) -> Iterator[dict[str, Counters]]:
        """Yield the counters of up to ten activities; ``UNKNOWN`` for those without.

        Those that could not be read are left out.
        """
        failures, first = self.run.failures, activity_ids[0]
        counters: dict[str, Counters] = {}
        try:
            with failures.asking(COUNTERS, first):
                counters = self._counters(activity_ids)
        except GoneError as error:
            if failures.is_retry(COUNTERS, first):
                failures.record(COUNTERS, first, error)
            else:
                failures.put_off(COUNTERS, first)
        except FatalAPIError as error:
            failures.record(COUNTERS, first, error)
        yield counters

    def _counters(self, activity_ids: Sequence[str]) -> dict[str, Counters]:
        failures = self.run.failures
        retried = any(failures.is_retry(COUNTERS, one) for one in activity_ids)
        service = self.once if retried else self.service
        counters: dict[str, Counters] = {}
        try:
            counters = service.counters(activity_ids)
        except NoStatsError:
            pass
        except (GoneError, FatalAPIError):
            if len(activity_ids) == 1:
                raise
            return self._count_each(activity_ids)
        for activity_id in activity_ids:
            failures.succeeded(COUNTERS, activity_id)
        return {**dict.fromkeys(activity_ids, UNKNOWN), **counters}

    def _count_each(self, activity_ids: Sequence[str]) -> dict[str, Counters]:
        """Return the counters of a failed batch, one by one: one id may be the cause.

        Raises:
            FatalAPIError: All of them fail.
        """
        failures = self.run.failures
        counters: dict[str, Counters] = {}
        failed: dict[str, Exception] = {}
        gone: dict[str, Exception] = {}
        for activity_id in activity_ids:
            try:
                failures.check(COUNTERS)
                counters.update(self.once.counters([activity_id]))
            except NoStatsError:
                continue
            except GoneError as error:
                gone[activity_id] = error
            except FatalAPIError as error:
                failed[activity_id] = error
        if counters:
            # The missing ones made the batch fail.
            failed |= gone
        else:
            for activity_id in gone:
                failures.put_off(COUNTERS, activity_id)
        if len(failed) == len(activity_ids):
            raise next(iter(failed.values()))
        for activity_id, why in failed.items():
            failures.record(COUNTERS, activity_id, why)
        return counters


def _activity(campaign: Campaign, record: Record, row: Record) -> Activity:
    return Activity(
        campaign,
        row["campaign_activity_id"],
        has_reports=row["role"] in ROLES_WITH_REPORTS,
        record=activity_record(record, row),
    )

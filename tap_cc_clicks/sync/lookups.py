"""Campaigns and their activities, asked for from the API; and activities' counters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from singer_sdk.exceptions import FatalAPIError
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.errors import GoneError, NoStatsError, TokenError
from tap_cc_clicks.api.moments import (
    SECONDS_PER_HOUR,
    hour_of,
    is_within,
    moment_or_none,
)
from tap_cc_clicks.api.service import Service
from tap_cc_clicks.api.wire import (
    DONE,
    NEVER_SENT,
    REMOVED,
    ROLES_WITH_REPORTS,
    UNKNOWN,
    Counters,
    activity_record,
)
from tap_cc_clicks.sync.failures import COUNTERS, LOOK_UPS
from tap_cc_clicks.sync.memory import fingerprint
from tap_cc_clicks.sync.run import Run
from tap_cc_clicks.sync.schedule import FRESH_HOURS, HOURS_PER_DAY, Look, is_at_rest
from tap_cc_clicks.sync.state_format import UNKNOWN_STATUS, kept_status


@dataclass(frozen=True)
class Campaign:
    """A campaign as listing and summaries have it, beside what state remembers of it.

    Attributes:
        record: Its record in the listing; None if this run did not come upon it.
        known: What state remembers; nothing if it was never looked up.
        summary: Its summary; None if this run did not come upon it.
        looks: The look that looking it up is, if nothing announced that.
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
        """Its status in small letters, as it was told last."""
        told = (self.record or {}).get("current_status", self.known.get("status"))
        return str(told or DONE).lower()

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
        told: str | None = (self.record or self.known).get("updated_at")
        return told

    @property
    def sent_at(self) -> str | None:
        """When it was sent last, by its summary."""
        return moment_or_none((self.summary or {}).get("last_sent_date"))

    @property
    def latest(self) -> str:
        """When it was changed or sent last; empty if nothing tells."""
        return max(self.updated_at or "", self.sent_at or "")

    @property
    def told(self) -> str | None:
        """What to remember of its summary: when it was sent last, and its counts."""
        if self.summary is None:
            return None
        seconds = self._sent if self.sent_at else self._sent_before
        return f"{seconds}-{fingerprint(self.summary.get('unique_counts'))}"

    @property
    def _sent(self) -> int:
        """When it was sent last, in seconds since 1970; 0 if no summary tells."""
        return int(hour_of(self.sent_at) * SECONDS_PER_HOUR)

    @property
    def _sent_before(self) -> int:
        """The same, as it was known; 0 if it was not."""
        seconds, _, _ = str(self.known.get("sent", "0-")).rpartition("-")
        return int(seconds)

    @property
    def is_hinted(self) -> bool:
        """Whether its summary has changed since it was looked at."""
        known = self.known.get("sent")
        return bool(known and self.told and known != self.told)

    @property
    def is_resent(self) -> bool:
        """Whether it was sent since it was looked up, which only a look-up settles."""
        if not self.sent_at or self._sent == self._sent_before:
            return False
        if self._sent_before:
            return True
        return hour_of(self.sent_at) > hour_of(self.known.get("updated_at"))

    @property
    def owes_look_up(self) -> bool:
        """Whether the schedule has it looked up, since nothing else tells of change.

        It had no activities, or was not there (404); or it may have been sent since,
        but no summary was known then.
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
        """Whether its summary says that it was sent since it was looked up."""
        return self.is_resent and bool(self._sent_before)

    @property
    def is_at_rest(self) -> bool:
        """Whether only a new status or date has it looked at once it was read."""
        return is_at_rest(self.status)

    def is_within(self, hours: float) -> bool:
        """Tell whether it was sent or changed within the last hours."""
        return is_within([self.updated_at, self.sent_at], hours)

    def known_activities(self) -> list[Activity]:
        """Return the activities with reports that it had before."""
        ids = [item[0] for item in self.known.get("activities", ())]
        return [self.activity(one, counted=True) for one in ids]

    @property
    def _told_by_look(self) -> Mapping[str, Any]:
        told: dict[str, Any] = {}
        if self.told and not self.is_resent:
            told["sent"] = self.told
        if self.record and self.known.get("status") == UNKNOWN_STATUS:
            told["status"] = kept_status(self.record["current_status"])
        return told

    def activity(self, activity_id: str, **values: Any) -> Activity:
        """Return one of its activities."""
        recent = self.is_within(HOURS_PER_DAY)
        return Activity(
            self.campaign_id,
            activity_id,
            fresh=self.is_fresh,
            recent=recent,
            settled=self.status == DONE and not recent,
            removed=self.removed,
            at_rest=self.is_at_rest,
            told=self._told_by_look,
            **values,
        )


@dataclass(frozen=True)
class Activity:
    """An activity of a campaign, and what is to be done with it.

    Attributes:
        has_reports: Whether there are reports of it.
        fresh: Whether it was sent or changed within three days.
        recent: Whether that was within a day.
        settled: Whether it was sent more than a day ago: its clicks should be counted.
        removed: Whether its campaign was deleted: the API may answer 404 for it.
        at_rest: Whether nothing else announces what is not read now.
        told: What a look has remembered of its campaign.
        record: Its record, or None if it was not looked up.
        counted: Whether its counters are asked for, before its reports.
        search: Whether its report is read for what is counted and was not shown.
        looks: The looks that this is; none if it was announced.
        only: The reports to be read, by stream; None for all that are due.
        kept: Requests of the budget that were kept for its report.
    """

    campaign_id: str
    activity_id: str
    has_reports: bool = True
    fresh: bool = False
    recent: bool = False
    settled: bool = False
    removed: bool = False
    at_rest: bool = False
    told: Mapping[str, Any] = field(default_factory=dict)
    record: Record | None = None
    counted: bool = False
    search: bool = False
    looks: tuple[Look, ...] = ()
    only: frozenset[str] | None = None
    kept: int = 0

    @property
    def is_last(self) -> bool:
        """Whether its reports are read, whatever is counted: its campaign has ended."""
        return self.at_rest and self.record is not None

    @property
    def context(self) -> dict[str, str]:
        """What its bookmarks are found by."""
        return {"campaign_activity_id": self.activity_id}

    @property
    def ids(self) -> dict[str, str]:
        """What each record of its reports carries."""
        return {
            "campaign_activity_id": self.activity_id,
            "campaign_id": self.campaign_id,
        }


@dataclass(frozen=True)
class LookUp:
    """What became of looking for a campaign's activities.

    Attributes:
        activities: Those to go through.
        record: The campaign's.
        asked: Whether the API was asked and answered, if only that there is none.
        gone: Whether it answered so (404) of what should be there.
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
    """Asks the API for campaigns and counters; a failure costs what was asked for.

    Attributes:
        run: Settings, and where to log.
        service: Where to ask.
        once: The same, for what is tried only once.
    """

    run: Run
    service: Service
    once: Service

    def look_up(self, campaign: Campaign) -> Iterator[LookUp]:
        """Yield a campaign's activities; none if it could not be looked up."""
        failures, campaign_id = self.run.failures, campaign.campaign_id
        retried = failures.is_retry(LOOK_UPS, campaign_id)
        service = self.once if retried else self.service
        try:
            with failures.asking(LOOK_UPS, campaign_id):
                record, rows = service.campaign(campaign_id)
        except TokenError:
            raise
        except GoneError:
            gone = not campaign.removed
            if gone:
                failures.put_off(LOOK_UPS, campaign_id)
            known = campaign.known_activities()
            yield LookUp(known, campaign.record, asked=True, gone=gone)
        except FatalAPIError as error:
            if campaign.removed:
                failures.excuse([campaign_id])
            failures.record(LOOK_UPS, campaign_id, error)
            yield LookUp(campaign.known_activities())
        else:
            failures.succeeded(LOOK_UPS, campaign_id)
            record = campaign.record or record
            found = [_activity(campaign, record, row) for row in rows]
            there = {one.activity_id for one in found}
            # What was there before and is not named now is no less there.
            found += [
                one
                for one in campaign.known_activities()
                if one.activity_id not in there
            ]
            yield LookUp(found, record, asked=True)

    def count(self, activity_ids: Sequence[str]) -> Iterator[dict[str, Counters]]:
        """Yield the counters of up to ten activities, unknown ones of those without.

        Those that could not be read are left out: the reports themselves are asked.
        """
        failures, first = self.run.failures, activity_ids[0]
        counters: dict[str, Counters] = {}
        try:
            with failures.asking(COUNTERS, first):
                counters = self._counters(activity_ids)
        except TokenError:
            raise
        except GoneError as error:
            if failures.is_retry(COUNTERS, first):
                failures.record(COUNTERS, first, error)
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
        except TokenError:
            raise
        except (GoneError, FatalAPIError):
            if len(activity_ids) == 1:
                raise
            return self._count_each(activity_ids)
        for activity_id in activity_ids:
            failures.succeeded(COUNTERS, activity_id)
        return {**dict.fromkeys(activity_ids, UNKNOWN), **counters}

    def _count_each(self, activity_ids: Sequence[str]) -> dict[str, Counters]:
        """Return the counters of a batch that failed: one id may have spoiled it.

        Raises:
            FatalAPIError: No single id spoiled it.
        """
        failures = self.run.failures
        counters: dict[str, Counters] = {}
        failed: dict[str, Exception] = {}
        gone: dict[str, Exception] = {}
        for activity_id in activity_ids:
            try:
                failures.check(COUNTERS)
                counters.update(self.once.counters([activity_id]))
            except TokenError:
                raise
            except NoStatsError:
                continue
            except GoneError as error:
                gone[activity_id] = error
            except FatalAPIError as error:
                failed[activity_id] = error
        if counters:
            # Others have some: what is not there has spoiled the batch.
            failed |= gone
        if len(failed) == len(activity_ids):
            raise next(iter(failed.values()))
        for activity_id, why in failed.items():
            failures.record(COUNTERS, activity_id, why)
        return counters


def _activity(campaign: Campaign, record: Record, row: Record) -> Activity:
    return campaign.activity(
        row["campaign_activity_id"],
        has_reports=row["role"] in ROLES_WITH_REPORTS,
        record=activity_record(record, row),
    )

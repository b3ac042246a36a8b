"""Campaigns and their activities: from the API where they changed, else from state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import FatalAPIError
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.errors import (
    GoneError,
    NoStatsError,
    RunEndedError,
    TokenError,
)
from tap_cc_clicks.api.moments import moment_or_none
from tap_cc_clicks.api.service import Service
from tap_cc_clicks.api.wire import (
    DONE,
    NEVER_SENT,
    REMOVED,
    ROLES_WITH_REPORTS,
    UNKNOWN,
    Counters,
    activity_record,
    activity_rows,
)
from tap_cc_clicks.events.tally import is_hot
from tap_cc_clicks.sync.failures import COUNTERS, DETAILS, LOOK_UPS
from tap_cc_clicks.sync.run import Run
from tap_cc_clicks.sync.state_format import CAMPAIGN_DONE, CampaignMemory
from tap_cc_clicks.sync.summaries import unchanged

if TYPE_CHECKING:
    # A report is told an activity, which is made here.
    from tap_cc_clicks.sync.reports import Report

# So long after an email was sent, the service should count its clicks.
SETTLED_DAYS = 1


@dataclass(frozen=True)
class Campaign:
    """A campaign of the listing, beside what state remembers of it.

    Attributes:
        record: Its record.
        look_up: Whether its activities have to be asked for.
        known: Whether it was looked up before.
        read_before: Whether all its reports were read before.
        activity_ids: Its activities with reports, as state has them.
        summary: Its summary, if summaries are read.
    """

    record: Record
    look_up: bool
    known: bool = False
    read_before: bool = False
    activity_ids: tuple[str, ...] = ()
    summary: Mapping[str, Any] | None = None

    @property
    def campaign_id(self) -> str:
        """The campaign's id."""
        return str(self.record["campaign_id"])

    @property
    def moments(self) -> list[str | None]:
        """When it was changed and sent last, as far as that is known."""
        sent = (self.summary or {}).get("last_sent_date")
        return [self.record["updated_at"], moment_or_none(sent)]

    @property
    def removed(self) -> bool:
        """Whether it was deleted: the API may answer 404 for it."""
        return str(self.record["current_status"]).lower() == REMOVED


@dataclass(frozen=True)
class Activity:
    """An activity of a campaign.

    Attributes:
        has_reports: Whether there are reports of it.
        hot: Whether it is so fresh that its reports are read whatever is counted.
        settled: Whether it was sent more than a day ago: its clicks should be counted.
        removed: Whether its campaign was deleted: the API may answer 404 for it.
        record: Its record, or None if it has not changed.
    """

    campaign_id: str
    activity_id: str
    has_reports: bool = True
    hot: bool = False
    settled: bool = False
    removed: bool = False
    record: Record | None = None

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
        activity_ids: All that have reports.
        whole: Whether the API was asked and answered completely, so that it need not be
            asked again before something changes.
        unfinished: What was told of each activity, if the run ended before their
            details were read.
        checked: Whether the counters of its activities are asked for.
    """

    activities: Sequence[Activity] = ()
    activity_ids: Sequence[str] = ()
    whole: bool = False
    unfinished: Sequence[Record] | None = None
    checked: bool = True


@dataclass
class Lookups:
    """Asks the API where it must, and state where it can.

    Attributes:
        run: Settings, and where to log.
        service: Where to ask.
        once: The same, for what is tried only once.
        memory: What earlier runs looked up.
        reports: Those that are selected.
        wants_details: Whether a property is selected that only an activity's own
            endpoint gives.
        all_anew: Whether to look up every campaign, changed or not.
    """

    run: Run
    service: Service
    once: Service
    memory: CampaignMemory
    reports: Sequence[Report] = field(default_factory=tuple)
    wants_details: bool = False
    all_anew: bool = False

    def campaigns(self) -> Iterator[Campaign]:
        """Yield the campaigns that may have been sent."""
        for record in self.run.listing.campaigns():
            campaign = self._campaign(record)
            if campaign is not None:
                self.run.progress.campaigns_known += 1
                self.run.progress.new_known += not campaign.read_before
                yield campaign

    def summaries(self) -> Iterator[dict[str, dict[str, Any]]]:
        """Yield all campaigns' summaries at once; none unless detection is fast."""
        yield self.run.listing.summaries() if self._fast else {}

    @property
    def _fast(self) -> bool:
        return self.run.settings.change_detection == "fast"

    def _campaign(self, record: Record) -> Campaign | None:
        known = self.memory.find(record["campaign_id"])
        never_sent = str(record["current_status"]).lower() in NEVER_SENT
        if never_sent and "activities" not in known:
            return None
        if known and known.get("status", CAMPAIGN_DONE) != record["current_status"]:
            self.run.listing.restated.add(record["campaign_id"])
        # A campaign without that moment is looked up each time.
        changed = record["updated_at"] is None or (
            known.get("updated_at") != record["updated_at"]
            or known.get("status", record["current_status"]) != record["current_status"]
        )
        ids = self.memory.activities(record["campaign_id"])
        return Campaign(
            record=record,
            look_up=(changed or self.all_anew) and not never_sent,
            known="activities" in known,
            read_before="activities" in known and self._were_read(ids),
            activity_ids=tuple(ids),
        )

    def _were_read(self, activity_ids: Sequence[str]) -> bool:
        return all(
            report.has_read(activity_id)
            for report in self.reports
            for activity_id in activity_ids
        )

    def remembered(self, campaign: Campaign) -> LookUp:
        """Return a campaign's activities as state has them.

        None to go through, where its summary says that there is nothing new.
        """
        ids, hot = campaign.activity_ids, self._is_hot(campaign)
        settled = self._is_settled(campaign)
        if campaign.read_before and not hot and self._unchanged(campaign):
            return LookUp(activity_ids=ids, checked=False)
        activities = [
            Activity(
                campaign.campaign_id,
                one,
                hot=hot,
                settled=settled,
                removed=campaign.removed,
            )
            for one in ids
        ]
        return LookUp(activities, ids)

    def _unchanged(self, campaign: Campaign) -> bool:
        check = self.memory.find(campaign.campaign_id).get("check")
        hours = self.run.settings.recheck_hours
        return self._fast and unchanged(check, campaign.summary, hours)

    def _is_hot(self, campaign: Campaign) -> bool:
        return is_hot(campaign.moments, self.run.settings.hot_days)

    def _is_settled(self, campaign: Campaign) -> bool:
        done = str(campaign.record["current_status"]).lower() == DONE
        moments = campaign.moments
        return done and any(moments) and not is_hot(moments, SETTLED_DAYS)

    def unfinished(self, campaign: Campaign) -> list[Record] | None:
        """Return the activities that an earlier run was told of and left undone."""
        left = self.memory.find(campaign.campaign_id).get("unfinished")
        if left and left["updated_at"] == campaign.record["updated_at"]:
            return activity_rows(left["activities"], self.run.oddities)
        return None

    def is_turn(self, campaign: Campaign) -> bool:
        """Tell whether a campaign's look-up is to be tried now."""
        failures = self.run.failures
        return failures.is_turn(LOOK_UPS, campaign.campaign_id) and (
            failures.is_turn(DETAILS, campaign.campaign_id)
        )

    def is_retry(self, campaign: Campaign) -> bool:
        """Tell whether a campaign's look-up failed before and has its turn now."""
        failures = self.run.failures
        return failures.is_retry(LOOK_UPS, campaign.campaign_id) or (
            failures.is_retry(DETAILS, campaign.campaign_id)
        )

    def look_up(self, campaign: Campaign) -> Iterator[LookUp]:
        """Yield a campaign's activities, from the API or else from state."""
        try:
            self.run.failures.check(LOOK_UPS)
            found = self._found(campaign)
        except TokenError:
            raise
        except GoneError:
            found = replace(self.remembered(campaign), whole=campaign.removed)
            if not campaign.removed:
                self.run.failures.put_off(LOOK_UPS, campaign.campaign_id)
        except FatalAPIError as error:
            self._failed(LOOK_UPS, campaign, error)
            found = self.remembered(campaign)
        yield found

    def _failed(self, endpoint: str, campaign: Campaign, error: Exception) -> None:
        if campaign.removed:
            self.run.failures.excuse([campaign.campaign_id])
        self.run.failures.record(endpoint, campaign.campaign_id, error)

    def _service_for(self, campaign: Campaign) -> Service:
        return self.once if self.is_retry(campaign) else self.service

    def _found(self, campaign: Campaign) -> LookUp:
        rows = self.unfinished(campaign) or self._service_for(
            campaign
        ).campaign_activities(campaign.campaign_id)
        self.run.failures.succeeded(LOOK_UPS, campaign.campaign_id)
        if not rows:
            # A sent campaign has activities: an empty list is none to be believed.
            return replace(self.remembered(campaign), whole=campaign.removed)
        try:
            activities = self.activities(campaign, rows)
        except RunEndedError as reason:
            self.run.tell_end(reason)
            return LookUp(unfinished=rows)
        ids = [one.activity_id for one in activities if one.has_reports]
        # Each of them has a record: else it is asked again.
        whole = campaign.removed or all(one.record is not None for one in activities)
        if whole:
            self.run.failures.succeeded(DETAILS, campaign.campaign_id)
        return LookUp(activities, ids, whole=whole)

    def activities(self, campaign: Campaign, rows: Sequence[Record]) -> list[Activity]:
        """Return a campaign's activities from what is told of each."""
        hot, settled = self._is_hot(campaign), self._is_settled(campaign)
        return [
            Activity(
                campaign.campaign_id,
                row["campaign_activity_id"],
                has_reports=row["role"] in ROLES_WITH_REPORTS,
                hot=hot,
                settled=settled,
                removed=campaign.removed,
                record=self._record(campaign, row),
            )
            for row in rows
        ]

    def _record(self, campaign: Campaign, row: Record) -> Record | None:
        if campaign.removed and campaign.known and self.wants_details:
            # Its details cannot be had any more: keep those loaded before.
            return None
        record = activity_record(campaign.record, row)
        # A web page, a permalink, has no details.
        detailed = self.wants_details and row["role"] in ROLES_WITH_REPORTS
        if not detailed or campaign.removed:
            return record
        details = self._details(campaign, row["campaign_activity_id"])
        return None if details is None else {**record, **details}

    def _details(self, campaign: Campaign, activity_id: str) -> Record | None:
        """Return an activity's details; None if they could not be read."""
        try:
            self.run.failures.check(DETAILS)
            return self._service_for(campaign).details(activity_id)
        except TokenError:
            raise
        except GoneError:
            self.run.failures.put_off(DETAILS, activity_id)
            return {}
        except FatalAPIError as error:
            # Told by campaign: one line for all that failed alike.
            reason = FatalAPIError(str(error).replace(activity_id, "…"))
            self._failed(DETAILS, campaign, reason)
            return None

    def count(self, activity_ids: Sequence[str]) -> Iterator[dict[str, Counters]]:
        """Yield the counters of up to ten activities, unknown ones of those without.

        Those that could not be read are left out: the reports themselves are asked.
        """
        failures = self.run.failures
        retried = any(failures.is_retry(COUNTERS, one) for one in activity_ids)
        counters: dict[str, Counters] = {}
        try:
            failures.check(COUNTERS)
            service = self.once if retried else self.service
            counters = service.counters(activity_ids)
        except NoStatsError:
            pass
        except TokenError:
            raise
        except (GoneError, FatalAPIError) as error:
            yield self._count_each(activity_ids, error)
            return
        for activity_id in activity_ids:
            failures.succeeded(COUNTERS, activity_id)
        yield {**dict.fromkeys(activity_ids, UNKNOWN), **counters}

    def _count_each(
        self, activity_ids: Sequence[str], reason: Exception
    ) -> dict[str, Counters]:
        """Return the counters of a batch that failed: one id may have spoiled it.

        Args:
            activity_ids: The batch.
            reason: Why it failed.
        """
        failures = self.run.failures
        counters: dict[str, Counters] = {}
        failed: dict[str, Exception] = {}
        gone: dict[str, Exception] = {}
        for activity_id in activity_ids if len(activity_ids) > 1 else ():
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
        alone = len(activity_ids) == 1 and (
            not isinstance(reason, GoneError)
            or failures.is_retry(COUNTERS, activity_ids[0])
        )
        if alone or len(failed) == len(activity_ids):
            # No single id spoiled it.
            failed = {activity_ids[0]: reason}
        for activity_id, why in failed.items():
            failures.record(COUNTERS, activity_id, why)
        return counters

"""The listing of campaigns and their summaries.

Both are read completely once a day. In between, the listing is read until a page has
nothing new, and only the first page of summaries: the campaigns that were sent last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TypeAlias

from singer_sdk.exceptions import FatalAPIError
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.errors import (
    CursorRefusedError,
    EndlessPagesError,
    GoneError,
    InputError,
)
from tap_cc_clicks.api.response_body import received
from tap_cc_clicks.api.service import Service
from tap_cc_clicks.sync.failures import EMPTY, Failures
from tap_cc_clicks.sync.memory import CampaignMemory

NONE_THERE = (
    "None of the campaigns that campaign_ids names is in the account: correct them, or "
    "check whose account it is (cc-clicks check)"
)
# Lists are kept in memory, at about five times this size. A campaign has 300 bytes.
LARGEST_LIST_BYTES = 50_000_000
TOO_LARGE = (
    "its pages are larger than 50 MB, more than any account has; what was read is "
    "loaded"
)
# Reads a list from its first page.
Pages: TypeAlias = Callable[[], Iterator[list[Record]]]


class Listing:
    """All campaigns, or those of ``campaign_ids``; each page is requested once.

    Args:
        service: Where to ask.
        wanted: The campaigns that the settings name; empty for all.
        logger: Gets a warning for each of them that does not exist.
        failures: Records pages that could not be read.

    Attributes:
        incomplete: Whether some pages could not be read.
        whole: Whether everything is read, even if it is known.
        all_summaries: Whether all summaries are read.
        memory: The campaigns that were looked up; None if none are.
        since: The bookmark of the stream ``campaigns``; None if it is not selected.
    """

    def __init__(
        self,
        service: Service,
        wanted: frozenset[str],
        logger: logging.Logger,
        failures: Failures,
    ) -> None:
        self.incomplete = False
        self.whole = self.all_summaries = False
        self.memory: CampaignMemory | None = None
        self.since: str | None = None
        self._service = service
        self._wanted = wanted
        self._logger = logger
        self._failures = failures
        self._listed: dict[str, Record] = {}
        self._pages: Iterator[list[Record]] | None = None
        self._over = self._known = False
        self._summaries: dict[str, Record] | None = None

    @property
    def ended(self) -> bool:
        """Whether the last page was read."""
        return self._over and not self.incomplete

    def campaigns(self) -> Iterator[Record]:
        """Yield each campaign's record once, until there is nothing new.

        Raises:
            InputError: None of ``campaign_ids`` exists.
        """
        yield from self._listed.values()
        if self._pages is None:
            self._pages = self._bounded("campaigns", self._service.campaigns)
        while not self._is_enough():
            page = next(self._pages, None)
            if page is None:
                self._over = True
                self._warn_missing()
                self._check_empty()
                return
            yield from self._new(page)
            self._known = self._is_known(page)

    def _new(self, page: list[Record]) -> Iterator[Record]:
        for record in page:
            campaign_id = record["campaign_id"]
            there = campaign_id in self._listed
            if not there and (not self._wanted or campaign_id in self._wanted):
                self._listed[campaign_id] = record
                yield record

    def _is_enough(self) -> bool:
        if self._over or (self._wanted and len(self._listed) == len(self._wanted)):
            return True
        return self._known and not self.whole and self._sought <= self._listed.keys()

    @property
    def _sought(self) -> set[str]:
        """Campaigns that must be in the listing and were never looked up."""
        if self.memory is None:
            return set()
        return {one for one in self._wanted or self._sent if not self.memory.find(one)}

    @property
    def _sent(self) -> set[str]:
        """The campaigns that were sent: others have no reports."""
        summaries = self.summaries().items()
        return {one for one, summary in summaries if summary.get("last_sent_date")}

    def _is_known(self, page: list[Record]) -> bool:
        """Return whether later pages have nothing new: all of this one is known."""
        timestamps = [record["updated_at"] or "" for record in page]
        ordered = all(newer >= older for newer, older in pairwise(timestamps))
        return bool(page) and ordered and all(map(self._is_old, page))

    def _is_old(self, record: Record) -> bool:
        if self._wanted and record["campaign_id"] not in self._wanted:
            return True
        if self.since is not None and (record["updated_at"] or "") > self.since:
            return False
        return self.memory is None or self.memory.has(record)

    def _warn_missing(self) -> None:
        missing = () if self.incomplete else sorted(self._wanted - self._listed.keys())
        if missing and not self._listed:
            raise InputError(NONE_THERE)
        for campaign_id in missing:
            self._logger.warning("There is no campaign %s (campaign_ids)", campaign_id)

    def _check_empty(self) -> None:
        """Record a failure if no campaign is listed although some were sent."""
        if not self._listed and not self.incomplete and self.summaries():
            self._failures.missing("campaigns", "listing", FatalAPIError(EMPTY))
            self.incomplete = True

    def summaries(self) -> dict[str, Record]:
        """Return summaries by campaign: of those sent last, or of all."""
        if self._summaries is None:
            self._summaries = {}
            try:
                self._read_summaries(self._summaries)
            except (FatalAPIError, GoneError) as error:
                # Summaries only hint at change: the run continues without.
                self._failures.missing("summaries", "listing", error)
        return self._summaries

    def _read_summaries(self, found: dict[str, Record]) -> None:
        for page in self._bounded("summaries", self._service.summaries):
            for row in page:
                found.setdefault(row["campaign_id"], row)
            if not (self.whole or self.all_summaries):
                return

    def _bounded(self, name: str, pages: Pages) -> Iterator[list[Record]]:
        """Yield the pages; if they do not end, record a failure and stop."""
        try:
            yield from _limited(_twice(pages))
        except EndlessPagesError as error:
            self._failures.missing(name, "listing", error)
            self.incomplete = True


def _twice(pages: Pages) -> Iterator[list[Record]]:
    """Yield the pages; start again, once, if a link is refused."""
    try:
        yield from pages()
    except CursorRefusedError:
        yield from pages()


def _limited(pages: Iterator[list[Record]]) -> Iterator[list[Record]]:
    """Yield the pages.

    Raises:
        EndlessPagesError: They do not fit into memory.
    """
    began = received.size
    for page in pages:
        if received.size - began > LARGEST_LIST_BYTES:
            raise EndlessPagesError(TOO_LARGE)
        yield page

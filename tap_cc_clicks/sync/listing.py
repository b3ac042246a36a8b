"""The listing of campaigns: asked for once in a run, whichever stream wants it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.bodies import received
from tap_cc_clicks.api.errors import CursorRefusedError, EndlessPagesError, InputError
from tap_cc_clicks.api.service import Service
from tap_cc_clicks.sync.failures import Failures

NONE_THERE = (
    "None of the campaigns that campaign_ids names is in the account: correct them, or "
    "check whose account it is (cc-clicks check)"
)
# Kept in memory, at some five times the size. A campaign takes 300 bytes in a listing.
LARGEST_LIST_BYTES = 50_000_000
TOO_LARGE = (
    "its pages hold more than 50 MB, which is more than any account has; what was read "
    "is loaded"
)
# Opens a list at its beginning.
Pages: TypeAlias = Callable[[], Iterator[list[Record]]]


class Listing:
    """All campaigns, or those that the settings name.

    Args:
        service: Where to ask.
        wanted: The campaigns that the settings name; empty for all.
        logger: Where it is told that there are none of them.
        failures: Is told of pages that could not be reached.

    Attributes:
        incomplete: Whether some pages could not be reached.
        restated: Campaigns whose status is not the one that state has, by id.
    """

    def __init__(
        self,
        service: Service,
        wanted: frozenset[str],
        logger: logging.Logger,
        failures: Failures,
    ) -> None:
        self.incomplete = False
        self.restated: set[str] = set()
        self._service = service
        self._wanted = wanted
        self._logger = logger
        self._failures = failures
        self._listed: list[Record] | None = None

    def campaigns(self) -> Iterator[Record]:
        """Yield each campaign's record once.

        Raises:
            InputError: The settings name campaigns, and none of them is there.
        """
        if self._listed is not None:
            yield from self._listed
            return
        wanted = self._wanted
        listed: dict[str, Record] = {}
        for page in self._pages("campaigns", self._service.campaigns):
            for record in page:
                campaign_id = record["campaign_id"]
                if campaign_id not in listed and (not wanted or campaign_id in wanted):
                    listed[campaign_id] = record
                    yield record
            if wanted and len(listed) == len(wanted):
                break
        missing = () if self.incomplete else sorted(wanted - listed.keys())
        if missing and not listed:
            raise InputError(NONE_THERE)
        for campaign_id in missing:
            self._logger.warning("There is no campaign %s (campaign_ids)", campaign_id)
        self._listed = list(listed.values())

    def summaries(self) -> dict[str, dict[str, Any]]:
        """Return each campaign's summary."""
        pages = self._pages("summaries", self._service.summaries)
        return {str(row.get("campaign_id")): row for page in pages for row in page}

    def _pages(self, name: str, pages: Pages) -> Iterator[list[Record]]:
        """Yield the pages; where they come to no end, note a failure and stop."""
        try:
            yield from _bounded(_twice(pages))
        except EndlessPagesError as error:
            self._failures.missing(name, "listing", error)
            self.incomplete = True


def _twice(pages: Pages) -> Iterator[list[Record]]:
    """Yield the pages; start over, once, where the link of one is refused."""
    try:
        yield from pages()
    except CursorRefusedError:
        yield from pages()


def _bounded(pages: Iterator[list[Record]]) -> Iterator[list[Record]]:
    """Yield the pages, as long as they fit into memory.

    Raises:
        EndlessPagesError: They do not.
    """
    began = received.size
    for page in pages:
        if received.size - began > LARGEST_LIST_BYTES:
            raise EndlessPagesError(TOO_LARGE)
        yield page

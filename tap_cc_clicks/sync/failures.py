"""Failures: each affects only its own item, and all of them are reported.

An item is a campaign's look-up, an activity's details, one report, or a batch of
counters. State remembers what failed, and later runs try it once, after everything
else.

A bad item differs from a service that is down: when several items of one endpoint fail
in a row, the endpoint is skipped for the rest of the run. When two endpoints are, the
run ends.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TypeAlias

from singer_sdk.exceptions import FatalAPIError, FatalSyncError

from tap_cc_clicks.api.errors import RunEndedError

# Failures of different items in a row until an endpoint counts as down.
IN_A_ROW = 5
ENDPOINTS_DOWN = 2
# Retries of earlier failures in a run, not counting those that succeed.
MOST_RETRIES = 10
IDS_TOLD = 3
IDS_TO_PASTE = 20
NOT_THERE = "not there (404); asked for again by later runs"
EMPTY = "an empty list, where there must be something; asked for again by later runs"
UNRESOLVED = (
    "events came in while they were read, so that rows are missing which may be "
    "repeats: read again by the next run"
)
NOT_TRIED = "it failed in an earlier run and was not tried again in this one"

# Endpoints by name; reports have the name of their stream.
LOOK_UPS = "look-ups of campaigns"
COUNTERS = "counters"
# Written by earlier versions; CampaignMemory has it now.
RETIRED = "activity details"

# By endpoint and id, when a failed item was last tried, in seconds since 1970.
Marks: TypeAlias = "dict[str, dict[str, int]]"


class LeftAloneError(FatalAPIError):
    """The endpoint is skipped for the rest of the run."""


class Failures:
    """The failures of this run and of earlier ones.

    Args:
        logger: Where they are reported.
        end: Ends the run.
        accepted: Ids of campaigns and activities whose failures are only warnings.
    """

    def __init__(
        self,
        logger: logging.Logger,
        end: Callable[[RunEndedError], None],
        accepted: frozenset[str] = frozenset(),
    ) -> None:
        self._logger = logger
        self._end = end
        self._accepted = set(accepted)
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], int] = {}
        self._reasons: dict[tuple[str, str], str] = {}
        self._put_off: dict[tuple[str, str], str] = {}
        self._before: frozenset[tuple[str, str]] = frozenset()
        self._retried: frozenset[tuple[str, str]] = frozenset()
        self._tried: set[tuple[str, str]] = set()
        self._in_a_row: defaultdict[str, int] = defaultdict(int)
        self._down: set[str] = set()
        self._unselected: Marks = {}

    def recall(
        self, marks: Mapping[str, Mapping[str, int]], reports: Iterable[str]
    ) -> None:
        """Load the failures of earlier runs.

        Args:
            marks: What :meth:`marks` returned.
            reports: The streams whose reports are read in this run.
        """
        asked = {LOOK_UPS, COUNTERS, *reports}
        for endpoint, items in marks.items():
            if endpoint == RETIRED:
                continue
            if endpoint in asked:
                self._open.update({(endpoint, item): at for item, at in items.items()})
            else:
                self._unselected[endpoint] = dict(items)
        self._before = frozenset(self._open)

    def marks(self) -> Marks:
        """Return the open failures, for state."""
        marks: Marks = {name: dict(items) for name, items in self._unselected.items()}
        with self._lock:
            for (endpoint, item), at in self._open.items():
                marks.setdefault(endpoint, {})[item] = at
        return marks

    def is_turn(self, endpoint: str, item: str) -> bool:
        """Return whether an item is tried now.

        One that failed in an earlier run waits for its retry, until that succeeded.
        """
        key = (endpoint, item)
        waits = key in self._before and key in self._open
        return not waits or self.is_retry(endpoint, item)

    def is_retry(self, endpoint: str, item: str) -> bool:
        """Return whether an item that failed before is tried now."""
        return (endpoint, item) in self._retried

    @property
    def before(self) -> frozenset[str]:
        """The ids of what failed in earlier runs."""
        return frozenset(item for _, item in self._before)

    def retry(self, is_there: Callable[[str], bool]) -> frozenset[str]:
        """Return the ids to retry next, those that failed longest ago first.

        Ten may fail again in a run; those that succeed do not count.

        Args:
            is_there: Returns whether a campaign or activity of this id exists.
        """
        self._tried |= self._retried
        there = [
            key
            for key in self._before
            if key in self._open and key not in self._tried and is_there(key[1])
        ]
        there.sort(key=lambda key: self._open[key])
        room = MOST_RETRIES - len(self._tried & self._open.keys())
        self._retried = frozenset(there[:room])
        return frozenset(item for _, item in self._retried)

    def forget_missing(self, is_there: Callable[[str], bool]) -> None:
        """Forget failures of what does not exist any more."""
        with self._lock:
            for key in self._before:
                if not is_there(key[1]):
                    self._open.pop(key, None)

    def excuse(self, items: Iterable[str]) -> None:
        """Accept failures of what was removed."""
        self._accepted.update(items)

    def check(self, endpoint: str) -> None:
        """Check that an endpoint is not skipped.

        Raises:
            LeftAloneError: It is skipped for the rest of the run.
        """
        if endpoint in self._down:
            message = f"{endpoint} was left alone after {IN_A_ROW} failures in a row"
            raise LeftAloneError(message)

    @contextmanager
    def asking(self, endpoint: str, item: str) -> Generator[None]:
        """Count failures in a row around a request for an item.

        Raises:
            LeftAloneError: The endpoint is skipped for the rest of the run.
        """
        self.check(endpoint)
        try:
            yield
        except FatalAPIError as error:
            if not isinstance(error, LeftAloneError):
                self._count(endpoint, item)
            raise
        self._in_a_row[endpoint] = 0

    def _count(self, endpoint: str, item: str) -> None:
        if (endpoint, item) in self._before:
            return
        with self._lock:
            self._in_a_row[endpoint] += 1
            if endpoint in self._down or self._in_a_row[endpoint] < IN_A_ROW:
                return
            self._down.add(endpoint)
        self._log_down(endpoint)

    def succeeded(self, endpoint: str, item: str) -> None:
        """Note that an item was read."""
        with self._lock:
            self._open.pop((endpoint, item), None)

    def missing(self, endpoint: str, item: str, error: Exception) -> None:
        """Report something as missing, without a retry in later runs.

        Args:
            endpoint: The endpoint.
            item: The id of the campaign or activity.
            error: The reason.
        """
        with self._lock:
            self._reasons[endpoint, item] = str(error).replace(item, "…")

    def put_off(self, endpoint: str, item: str, why: str = NOT_THERE) -> None:
        """Leave an item to later runs, with a warning."""
        self.succeeded(endpoint, item)
        self._put_off[endpoint, item] = why

    def record(self, endpoint: str, item: str, error: Exception) -> None:
        """Record a failure: later runs try the item again."""
        self.missing(endpoint, item, error)
        if not isinstance(error, LeftAloneError):
            with self._lock:
                self._open[endpoint, item] = int(time.time())

    def _log_down(self, endpoint: str) -> None:
        self._logger.error(
            "%s: %d in a row could not be read, so that the others are left to the "
            "next run. If it stays, a privilege may be missing for them: cc-clicks "
            "check",
            endpoint,
            IN_A_ROW,
        )
        if len(self._down) >= ENDPOINTS_DOWN:
            names = " and ".join(sorted(self._down))
            self._end(RunEndedError(f"The service does not answer for {names}"))

    def tell(self) -> None:
        """Log what could not be read, a line for each reason.

        Raises:
            FatalSyncError: There are failures that are not accepted.
        """
        reasons = {**dict.fromkeys(self._open, NOT_TRIED), **self._reasons}
        errors = {
            key: why for key, why in reasons.items() if not self._is_accepted(key)
        }
        self._log(logging.WARNING, self._put_off)
        self._log(logging.ERROR, errors)
        self._log(
            logging.WARNING,
            {key: why for key, why in reasons.items() if key not in errors},
        )
        if errors:
            ids = sorted(
                {item for endpoint, item in errors if (endpoint, item) in self._open}
            )
            message = (
                f"{len(errors):,} reports or lists could not be read completely; all "
                "others were. See the errors above; the next run tries again"
            )
            raise FatalSyncError(message + _to_accept(ids))

    def _is_accepted(self, key: tuple[str, str]) -> bool:
        return key[1] in self._accepted

    def _log(self, level: int, reasons: Mapping[tuple[str, str], str]) -> None:
        grouped: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for (endpoint, item), reason in reasons.items():
            grouped[endpoint, reason].append(item)
        for (endpoint, reason), ids in grouped.items():
            first = ", ".join(ids[:IDS_TOLD]) + (", …" if len(ids) > IDS_TOLD else "")
            self._logger.log(
                level,
                "%s: %d could not be read (%s): %s",
                endpoint,
                len(ids),
                first,
                reason,
            )


def _to_accept(ids: list[str]) -> str:
    """Return how to accept these failures."""
    if not 0 < len(ids) <= IDS_TO_PASTE:
        return ""
    return (
        ". If one stays broken on the vendor's side, runs can go on without it: "
        f"accepted_failures: {json.dumps(ids)}"
    )

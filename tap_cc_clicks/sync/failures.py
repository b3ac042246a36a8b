"""Failures: each is limited to one item, and all are reported.

An item is a campaign's look-up, a report of an activity, or a batch of counters. State
remembers it: later runs retry it last and once, so that it delays nothing else.

If different items of one endpoint fail in a row, the service is down: the endpoint is
skipped for the rest of the run. If that happens to two endpoints, the run ends.
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

from tap_cc_clicks.api.errors import RunEndedError, TokenError

# Different items in a row after which an endpoint is skipped.
IN_A_ROW = 5
ENDPOINTS_DOWN = 2
# The most retries that may fail in a run.
MOST_RETRIES = 10
IDS_TOLD = 3
IDS_TO_PASTE = 20
NOT_THERE = "not there (404); asked for again by later runs"
UNRESOLVED = (
    "events came in while they were read, so that rows are missing which may be "
    "repeats: read again by the next run"
)
NOT_TRIED = "it failed in an earlier run and was not tried again in this one"

# Names of endpoints; a report has the name of its stream.
LOOK_UPS = "look-ups of campaigns"
COUNTERS = "counters"
# Written by earlier versions; CampaignMemory has it now.
RETIRED = "activity details"

# By endpoint and id, when a failed item was last tried, in seconds since 1970.
Marks: TypeAlias = "dict[str, dict[str, int]]"


class LeftAloneError(FatalAPIError):
    """The endpoint is skipped for the rest of the run."""


class Failures:
    """The failures of this run and earlier ones.

    Args:
        logger: Logs them.
        end: Ends the run.
        accepted: Ids of campaigns and activities whose failures are not errors.
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
            marks: The result of :meth:`marks`.
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
        """Return the failures for the state."""
        marks: Marks = {name: dict(items) for name, items in self._unselected.items()}
        with self._lock:
            for (endpoint, item), at in self._open.items():
                marks.setdefault(endpoint, {})[item] = at
        return marks

    def is_turn(self, endpoint: str, item: str) -> bool:
        """Whether an item may be requested now; failed ones have to wait."""
        return (endpoint, item) not in self._before or self.is_retry(endpoint, item)

    def is_retry(self, endpoint: str, item: str) -> bool:
        """Whether a failed item is being retried."""
        return (endpoint, item) in self._retried

    @property
    def before(self) -> frozenset[str]:
        return frozenset(item for _, item in self._before)

    def retry(self, is_there: Callable[[str], bool]) -> frozenset[str]:
        """Start retrying the items that failed longest ago; return their ids.

        If they succeed, more follow; ten new failures are the limit.

        Args:
            is_there: Whether a campaign or activity of this id exists.
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
        """Forget items that no longer exist."""
        with self._lock:
            for key in self._before:
                if not is_there(key[1]):
                    self._open.pop(key, None)

    def excuse(self, items: Iterable[str]) -> None:
        """Accept failures of removed items."""
        self._accepted.update(items)

    def check(self, endpoint: str) -> None:
        """Check that an endpoint is not skipped.

        Raises:
            LeftAloneError: It is.
        """
        if endpoint in self._down:
            message = f"{endpoint} was left alone after {IN_A_ROW} failures in a row"
            raise LeftAloneError(message)

    @contextmanager
    def asking(self, endpoint: str, item: str) -> Generator[None]:
        """Count failures in a row of an endpoint.

        Raises:
            LeftAloneError: The endpoint is skipped for the rest of the run.
        """
        self.check(endpoint)
        try:
            yield
        except FatalAPIError as error:
            if not isinstance(error, TokenError | LeftAloneError):
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
        with self._lock:
            self._open.pop((endpoint, item), None)

    def missing(self, endpoint: str, item: str, error: Exception) -> None:
        """Note missing data that no retry would bring."""
        with self._lock:
            self._reasons[endpoint, item] = str(error).replace(item, "…")

    def put_off(self, endpoint: str, item: str, why: str = NOT_THERE) -> None:
        """Note that an item is left to later runs, which is not a failure."""
        self.succeeded(endpoint, item)
        self._put_off[endpoint, item] = why

    def record(self, endpoint: str, item: str, error: Exception) -> None:
        """Note a failure: later runs retry it last."""
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
        """Log all failures, one line for each reason.

        Raises:
            FatalSyncError: Some are not accepted.
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
    """Return advice for items that stay broken."""
    if not 0 < len(ids) <= IDS_TO_PASTE:
        return ""
    return (
        ". If one stays broken on the vendor's side, runs can go on without it: "
        f"accepted_failures: {json.dumps(ids)}"
    )

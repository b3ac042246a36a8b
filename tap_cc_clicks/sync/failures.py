"""What could not be read: each failure costs its own scope, and all of them are told.

A scope is a campaign's look-up, an activity's details or one of its reports, or a batch
of counters. A service that is down is told from an item that is bad: when different
items of one kind fail in a row without a success between, that kind is left alone for
the rest of the run, and when two kinds do, the run ends.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable

from singer_sdk.exceptions import FatalAPIError, FatalSyncError

from tap_cc_clicks.api.errors import RunEndedError

# So many different items in a row are no coincidence.
IN_A_ROW = 5
ENDPOINTS_DOWN = 2
IDS_TOLD = 3


class Failures:
    """The failures of a run, and what follows from them.

    Args:
        logger: Where they are told.
        end: Ends the run.
    """

    def __init__(
        self, logger: logging.Logger, end: Callable[[RunEndedError], None]
    ) -> None:
        self._logger = logger
        self._end = end
        self._lock = threading.Lock()
        self._ids: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._in_a_row: Counter[str] = Counter()
        self._down: set[str] = set()

    def check(self, endpoint: str) -> None:
        """See whether an endpoint is still asked.

        Raises:
            FatalAPIError: It is left alone for the rest of the run.
        """
        if endpoint in self._down:
            message = f"{endpoint} was left alone after {IN_A_ROW} failures in a row"
            raise FatalAPIError(message)

    def succeeded(self, endpoint: str) -> None:
        """Note that an item of an endpoint could be read."""
        self._in_a_row[endpoint] = 0

    def record(self, endpoint: str, item: str, error: Exception) -> None:
        """Note that an item could not be read.

        Args:
            endpoint: What was asked for, in words: ``look-ups``, ``email_clicks``.
            item: The id of the campaign or the activity.
            error: Why.
        """
        with self._lock:
            reason = str(error).replace(item, "…")
            self._ids[endpoint, reason].append(item)
            self._in_a_row[endpoint] += 1
            if self._in_a_row[endpoint] < IN_A_ROW or endpoint in self._down:
                return
            self._down.add(endpoint)
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
        """Name what could not be read, a line for each reason.

        Raises:
            FatalSyncError: There was something.
        """
        for (endpoint, reason), ids in self._ids.items():
            first = ", ".join(ids[:IDS_TOLD]) + (", …" if len(ids) > IDS_TOLD else "")
            self._logger.error(
                "%s: %d could not be read (%s): %s", endpoint, len(ids), first, reason
            )
        if self._ids:
            count = sum(map(len, self._ids.values()))
            message = (
                f"{count:,} reports or lists could not be read completely; all others "
                "were. See the errors above; the next run tries again"
            )
            raise FatalSyncError(message)

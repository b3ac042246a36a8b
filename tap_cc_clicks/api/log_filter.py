"""Log lines: short, printable, without queries and email addresses.

Messages contain ids, keys and paths from the service; the HTTP libraries log whole URLs
and headers.
"""

from __future__ import annotations

import logging
import re

from typing_extensions import override

from tap_cc_clicks.api.text import printable

LIBRARIES = ("requests", "urllib3")
# Up to a space or quotation mark: a query may contain brackets and apostrophes.
QUERY = re.compile(r"\?[^\s\"]+")
ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+\.[\w.-]+")
# SDK messages that repeat one of ours, or that come for each stream or record.
OF_THE_SDK = (
    "Added '",
    "An unhandled error occurred while syncing",
    "Config validation failed",
    "New replication value is null",
)
SDK = "singer_sdk"
LONGEST_LINE = 2_000
LONGEST_LIBRARY_LINE = 300


class _Guard(logging.Filter):
    """Turns each message into one short line without URL queries."""

    def __init__(self, longest: int, *, library: bool) -> None:
        super().__init__()
        self._longest = longest
        self._library = library

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if message.startswith(OF_THE_SDK):
            return False
        if self._library:
            # urllib3 adds unparsed headers and a traceback.
            message = QUERY.sub("?…", message.partition("unparsed data")[0])
            record.exc_info = None
        line = printable(message, self._longest)
        record.msg, record.args = ADDRESS.sub("…@…", line), None
        return True


_LIBRARY = _Guard(LONGEST_LIBRARY_LINE, library=True)
_OWN = _Guard(LONGEST_LINE, library=False)


def guard_logs(name: str) -> None:
    """Filter what a logger, its children and the HTTP libraries log.

    Filters are not inherited, so each logger gets one. Metrics are not filtered.
    """
    for known in (name, *tuple(logging.root.manager.loggerDict)):
        if known.startswith(LIBRARIES):
            logging.getLogger(known).addFilter(_LIBRARY)
        elif known in {name, SDK} or known.startswith(f"{name}."):
            logging.getLogger(known).addFilter(_OWN)

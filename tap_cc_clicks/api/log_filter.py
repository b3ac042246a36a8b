"""What is logged: short lines of printable text, without queries and addresses.

Messages hold ids, keys and paths that the service sent, and the HTTP libraries log
whole URLs and headers.
"""

from __future__ import annotations

import logging
import re

from typing_extensions import override

from tap_cc_clicks.api.text import printable

LIBRARIES = ("requests", "urllib3")
# To the next space or quotation mark: a query may hold brackets and apostrophes.
QUERY = re.compile(r"\?[^\s\"]+")
# An id or a path that the service made up may be one.
ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+\.[\w.-]+")
# What the SDK says before, or after, a sentence of ours; and of each record without a
# moment.
OF_THE_SDK = (
    "An unhandled error occurred while syncing",
    "Config validation failed",
    "New replication value is null",
)
SDK = "singer_sdk"
LONGEST_LINE = 2_000
LONGEST_LIBRARY_LINE = 300


class _Guard(logging.Filter):
    """Makes each message one short line without queries of URLs."""

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
            # urllib3 adds the headers that it could not parse, and a traceback.
            message = QUERY.sub("?…", message.partition("unparsed data")[0])
            record.exc_info = None
        line = printable(message, self._longest)
        record.msg, record.args = ADDRESS.sub("…@…", line), None
        return True


_LIBRARY = _Guard(LONGEST_LIBRARY_LINE, library=True)
_OWN = _Guard(LONGEST_LINE, library=False)


def guard_logs(name: str) -> None:
    """Guard what a logger, those below it, and the HTTP libraries log.

    Filters are not inherited by loggers below, so that each gets it. Metrics, which
    pass objects to their handlers, are left alone.
    """
    for known in (name, *tuple(logging.root.manager.loggerDict)):
        if known.startswith(LIBRARIES):
            logging.getLogger(known).addFilter(_LIBRARY)
        elif known in {name, SDK} or known.startswith(f"{name}."):
            logging.getLogger(known).addFilter(_OWN)

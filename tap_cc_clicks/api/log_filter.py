"""Keeping queries of URLs out of what the libraries below log."""

from __future__ import annotations

import logging
import re

from typing_extensions import override

LIBRARIES = ("requests", "urllib3")
QUERY = re.compile(r"\?[^\s\"'()]+")


class _NoQueries(logging.Filter):
    """Takes the query out of every URL in a message: a cursor, or what one set."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = QUERY.sub("?…", record.getMessage()), None
        return True


_NO_QUERIES = _NoQueries()


def hush_queries() -> None:
    """Filter what the HTTP libraries log, at whatever level and to whatever handler.

    Filters are not inherited by loggers below, so that each gets it.
    """
    for name in tuple(logging.root.manager.loggerDict):
        if name.startswith(LIBRARIES):
            logging.getLogger(name).addFilter(_NO_QUERIES)

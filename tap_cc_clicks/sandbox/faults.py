"""Fault injection: simulated failures of a network, a gateway or a server."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field
from typing import Any

FOREIGN = "https://elsewhere.example.com/v3/emails?cursor=x"
# Faults in place of a response: the request is not served.
REFUSING = frozenset({"status", "reset", "half_close", "redirect"})
# Faults in the transfer or the content of a response.
DISTORTING = frozenset(
    {
        "lost_answer",
        "truncate",
        "slow",
        "drip",
        "not_json",
        "wrong_shape",
        "bad_row",
        "foreign_next",
        "endless_next",
        "new_next",
        "bomb",
        "many_headers",
        "next_link",
        "body",
    }
)
KINDS = REFUSING | DISTORTING


@dataclass
class Fault:
    """A fault and the requests it applies to.

    Attributes:
        kind: One of ``KINDS``.
        match: A regular expression to search for in the path.
        query: A regular expression to search for in the query.
        times: Maximum number of injections; None for no limit.
        probability: Probability for each matching request.
        status: Kind ``status``: the status.
        body: Kind ``status``: the body, sent as JSON unless it is a string.
        seconds: Kinds ``slow`` and ``drip``: the duration.
        field: Kind ``bad_row``: the field missing in the last row of the page.
        href: Kinds ``foreign_next`` and ``next_link``: the URL of the next link.
        content: Kind ``body``: the whole body, which may be compressed with gzip.
    """

    kind: str
    match: str = ""
    query: str = ""
    times: int | None = None
    probability: float = 1.0
    status: int = 503
    body: Any = ""
    seconds: float = 0.2
    field: str = "contact_id"
    href: str = FOREIGN
    content: bytes = b""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            message = f"There is no fault {self.kind}: one of {sorted(KINDS)}"
            raise ValueError(message)


@dataclass
class Faults:
    """The active faults."""

    seed: int = 7
    rules: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - simulated faults
        self._lock = threading.Lock()

    def find(self, path: str, query: str = "") -> Fault | None:
        """Return the fault to inject into a request, or None."""
        with self._lock:
            for fault in self.rules:
                if fault.times == 0 or not (
                    re.search(fault.match, path) and re.search(fault.query, query)
                ):
                    continue
                if self._random.random() < fault.probability:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

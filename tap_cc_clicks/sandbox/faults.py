"""Faults to inject: what a network, a gateway or a broken server can do."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field
from typing import Any

FOREIGN = "https://elsewhere.example.com/v3/emails?cursor=x"
# Faults that replace the response.
REFUSING = frozenset({"status", "reset", "half_close", "redirect"})
# Faults that change the response or its delivery.
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
    """A fault, and the requests that it affects.

    Attributes:
        kind: One of ``KINDS``.
        match: A regular expression that the path must contain.
        query: One that the query must contain.
        times: The most requests that it affects; None for no limit.
        probability: The probability for each matching request.
        status: For kind ``status``: the status.
        body: For kind ``status``: the body, JSON if not a string.
        seconds: For kinds ``slow`` and ``drip``: how long they take.
        field: For kind ``bad_row``: the property that the last row lacks.
        href: For kind ``next_link``: the next link.
        content: For kind ``body``: the whole body, plain or gzip.
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
        self._random = random.Random(self.seed)  # noqa: S311 - simulated
        self._lock = threading.Lock()

    def find(self, path: str, query: str = "") -> Fault | None:
        """Return the fault for a request, if any."""
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

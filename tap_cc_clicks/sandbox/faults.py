"""Faults to be injected: what a network, a gateway or a broken server may do."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field
from typing import Any

FOREIGN = "https://elsewhere.example.com/v3/emails?cursor=x"
# What keeps a request from being served at all.
REFUSING = frozenset({"status", "reset", "half_close", "redirect"})
# What befalls the answer on its way, or what is in it.
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
    """One fault, and when it strikes.

    Attributes:
        kind: One of ``KINDS``.
        match: A regular expression that the path must contain.
        query: One that the query must contain.
        times: How often it strikes; None for as often as there is occasion.
        probability: How likely it is at each occasion.
        status: For kind ``status``: the status.
        body: For kind ``status``: the body, JSON if not a string.
        seconds: For kinds ``slow`` and ``drip``: for how long.
        field: For kind ``bad_row``: what the last row of the page lacks.
        href: For kind ``next_link``: where the next link leads.
        content: For kind ``body``: all that is answered, packed with gzip or not.
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
        """Refuse a kind there is not."""
        if self.kind not in KINDS:
            message = f"There is no fault {self.kind}: one of {sorted(KINDS)}"
            raise ValueError(message)


@dataclass
class Faults:
    """The faults in force."""

    seed: int = 7
    rules: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Prepare the dice."""
        self._random = random.Random(self.seed)  # noqa: S311 - made-up trouble
        self._lock = threading.Lock()

    def strike(self, path: str, query: str = "") -> Fault | None:
        """Return the fault that befalls a request, if any."""
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

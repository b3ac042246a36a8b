"""Which click is which: the API gives no id, and two clicks can look alike."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeAlias

import msgspec

from tap_cc_clicks.events.declaration import EventReport

# A struct of the report's own kind.
Row: TypeAlias = Any
# With the activity, all that tells events of a report apart.
Likeness: TypeAlias = "tuple[str | None, ...]"

# Rows are remembered this far back: to repeat unseen, a row would need more new clicks
# than that between two page requests.
REMEMBERED = 10_000
SETTLING_TRIES = 5
SETTLING_SIZES = range(251, 501)


_encode = msgspec.json.Encoder().encode
_VERSION = "5"
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def event_id(
    namespace: uuid.UUID, activity_id: str, like: Likeness, number: int
) -> str:
    """Return an event's UUID version 5, the same at every read.

    Args:
        namespace: The report's.
        activity_id: The activity.
        like: What the event shares with those alike.
        number: Its place among the events alike, from 0.
    """
    name = _encode((activity_id, *like, number))
    # uuid.uuid5 does the same in four times the time, and every event passes here.
    digest = hashlib.sha1(namespace.bytes + name, usedforsecurity=False)
    text = digest.hexdigest()
    variant = _VARIANTS[text[16]]
    return (
        f"{text[:8]}-{text[8:12]}-{_VERSION}{text[13:16]}-{variant}{text[17:20]}"
        f"-{text[20:32]}"
    )


class Numbering:
    """Numbers rows alike, and sees through rows repeated across a page boundary.

    New clicks come in at the front while the pages are read and push rows from one page
    to the next, where they are met again. A row newer than the page before ended is
    certainly such a repeat. One of the very instant at which that page ended may be a
    repeat or a twin: it is doubtful, and kept aside.

    Attributes:
        doubts: The doubtful rows by their instant, each with its place in the report.
    """

    def __init__(self, report: EventReport, activity_id: str) -> None:
        self.doubts: dict[str, list[tuple[int, Row]]] = {}
        self.likeness = report.likeness_of
        self._report = report
        self._activity = activity_id
        self._seen: dict[Likeness, int] = {}
        self._last: str | None = None
        self._place = 0

    def number(self, page: list[Row]) -> list[Row]:
        """Return the page's rows that were not seen before, with their ids."""
        here: dict[Likeness, int] = {}
        seen, fresh, likeness = self._seen, [], self.likeness
        for row in page:
            like = likeness(row)
            number = here.get(like, 0)
            here[like] = number + 1
            if number >= seen.get(like, 0):
                fresh.append(self._identified(row, like, number))
            elif row.created_time == self._last:
                self._doubt(row, page)
        self._remember(here)
        self._place += len(page)
        self._last = min((row.created_time for row in page), default=self._last)
        return fresh

    def identify(self, row: Row, number: int) -> Row:
        """Give a row its id."""
        return self._identified(row, self.likeness(row), number)

    def _identified(self, row: Row, like: Likeness, number: int) -> Row:
        namespace = self._report.namespace
        identity = event_id(namespace, self._activity, like, number)
        setattr(row, self._report.key, identity)
        return row

    def seen(self, like: Likeness) -> int:
        """Return how many rows of a likeness were seen."""
        return self._seen.get(like, 0)

    def _doubt(self, row: Row, page: list[Row]) -> None:
        instant = row.created_time
        # Rows newer than this instant, at the page's front, were pushed here for
        # certain, and then so were all those of the instant that were seen.
        if page[0].created_time <= instant:
            self.doubts.setdefault(instant, []).append((self._place, row))

    def _remember(self, here: dict[Likeness, int]) -> None:
        seen = self._seen
        for like, count in here.items():
            if count > seen.get(like, 0):
                seen[like] = count
        if len(seen) > 2 * REMEMBERED:
            newer = len(self._seen) - REMEMBERED
            self._seen = dict(islice(self._seen.items(), newer, None))


def settle(
    numbering: Numbering,
    open_report: Callable[[int], Iterator[list[Row]]],
    floor: str,
) -> Iterator[Row]:
    """Yield the rows that had been kept aside and are clicks of their own.

    The report is read once more with pages that end elsewhere: an instant that stands
    whole in one page can be counted there.

    Args:
        numbering: What was seen, with its doubts.
        open_report: Opens the report with a page size.
        floor: Doubts about instants before it do not matter.
    """
    doubts = {at: rows for at, rows in numbering.doubts.items() if at >= floor}
    for _ in range(SETTLING_TRIES):
        if not doubts:
            return
        size = _page_size([rows[0][0] for rows in doubts.values()])
        for instant, rows in _whole_instants(set(doubts), open_report(size)):
            del doubts[instant]
            yield from _unseen(numbering, rows)
    # More rows alike in one instant than a page holds: rather doubled than merged.
    for doubtful in doubts.values():
        yield from _all_unseen(numbering, [row for _, row in doubtful])


def _page_size(places: list[int]) -> int:
    """Return the page size whose page boundaries keep farthest from these places."""

    def clearance(size: int) -> int:
        return min(
            size - place if place < size else min(place % size, size - place % size)
            for place in places
        )

    return max(SETTLING_SIZES, key=clearance)


def _whole_instants(
    instants: set[str], pages: Iterator[list[Row]]
) -> Iterator[tuple[str, list[Row]]]:
    """Yield each instant that is seen to stand whole in one page, with its rows."""
    wanted = set(instants)
    at_end: dict[str, list[Row]] = {}
    ended_newer = set(instants)
    for page in pages:
        times = [row.created_time for row in page]
        at_end = {}
        for instant in sorted(wanted):
            rows = [row for row in page if row.created_time == instant]
            begins = instant in ended_newer or any(time > instant for time in times)
            if begins and any(time < instant for time in times):
                wanted.discard(instant)
                yield instant, rows
            elif begins:
                at_end[instant] = rows
        ended_newer = {
            instant for instant in wanted if min(times, default="") > instant
        }
        if not wanted or (times and min(times) < min(wanted)):
            return
    yield from at_end.items()


def _unseen(numbering: Numbering, rows: list[Row]) -> Iterator[Row]:
    """Yield those of an instant's rows that exceed the number seen alike."""
    here: dict[Likeness, int] = {}
    for row in rows:
        like = numbering.likeness(row)
        here[like] = here.get(like, 0) + 1
        if here[like] > numbering.seen(like):
            yield numbering.identify(row, here[like] - 1)


def _all_unseen(numbering: Numbering, rows: list[Row]) -> Iterator[Row]:
    """Yield rows as clicks beyond the number seen of their likeness."""
    here: dict[Likeness, int] = {}
    for row in rows:
        like = numbering.likeness(row)
        here[like] = here.get(like, numbering.seen(like)) + 1
        yield numbering.identify(row, here[like] - 1)

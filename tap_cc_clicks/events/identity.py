"""Event ids: the API has none, and two events can be identical."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeAlias

import msgspec

from tap_cc_clicks.api.pages import Page, limit_of
from tap_cc_clicks.events.declaration import EventReport

# A struct of the report.
Row: TypeAlias = Any
# Identifies an event within its activity, except among identical ones.
NaturalKey: TypeAlias = "tuple[str | None, ...]"

# This many keys are kept, and all of the instant at which the last page ended.
REMEMBERED = 10_000


_encode = msgspec.json.Encoder().encode
_VERSION = "5"
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def event_id(
    namespace: uuid.UUID, activity_id: str, natural_key: NaturalKey, number: int
) -> str:
    """Return an event's UUID version 5, the same at every read.

    Args:
        natural_key: The columns that the event shares with identical ones.
        number: Its place among the identical events, from 0.
    """
    name = _encode((activity_id, *natural_key, number))
    # Four times as fast as uuid.uuid5.
    digest = hashlib.sha1(namespace.bytes + name, usedforsecurity=False)
    text = digest.hexdigest()
    variant = _VARIANTS[text[16]]
    return (
        f"{text[:8]}-{text[8:12]}-{_VERSION}{text[13:16]}-{variant}{text[17:20]}"
        f"-{text[20:32]}"
    )


@dataclass(frozen=True)
class SeenPage:
    """A page, and the natural key of each of its rows."""

    keys: list[NaturalKey]
    page: Page

    @property
    def limit(self) -> int:
        """The requested number of rows; 0 if the URL does not say."""
        return limit_of(self.page.url) or 0

    @property
    def is_short(self) -> bool:
        """Whether it has fewer rows than requested: its link may be wrong."""
        return len(self.keys) < self.limit


@dataclass
class UnresolvedRows:
    """Rows of one instant that are either repeats or identical new events.

    Attributes:
        began: The page in which the instant began.
        rows: The rows, in their order.
        met: The pages that contain them, each with the page before.
    """

    began: SeenPage
    rows: list[Row] = field(default_factory=list)
    met: list[tuple[SeenPage, SeenPage]] = field(default_factory=list)

    @property
    def shown(self) -> list[SeenPage]:
        """The pages to request again: a pushed row would change them.

        These are the page in which the instant began, and the page before the last
        such row.
        """
        before = self.met[-1][0]
        return [before] if before is self.began else [self.began, before]

    def repeats(self, again: Callable[[SeenPage], SeenPage]) -> int | None:
        """Return how many of the rows are repeats; None if undecidable.

        Args:
            again: Requests a page again.
        """
        (before, page), *others = self.met
        if any(_led_back(*pages) for pages in self.met):
            return None
        now = list(map(again, self.shown))
        if any(one.page.link is None for one in now):
            # What has no next page now had a wrong link when it was followed.
            return None
        shown = self.shown
        if [one.keys for one in now] == [one.keys for one in shown]:
            links = [one.page.link for one in now] != [one.page.link for one in shown]
            odd = any(
                (_begins_as(before, page) or _begins_as(self.began, page))
                and (links or before.is_short or page.limit > before.limit)
                for before, page in self.met
            )
            return None if odd else 0
        # A link that has changed counts from a row, not from the front.
        if others or now[1:] or now[0].page.link != before.page.link:
            return None
        fits = [
            n
            for n in range(1, min(len(before.keys), len(page.keys)))
            if now[0].keys[n:] == before.keys[:-n] and page.keys[:n] == before.keys[-n:]
        ]
        if len(fits) != 1:
            return None
        # They were pushed before the page was requested, unless it changes as well.
        changed = before.keys[-fits[0] :] + page.keys[: -fits[0]]
        unchanged = again(page).keys == page.keys and page.keys != changed
        return fits[0] if unchanged else None


def _led_back(before: SeenPage, page: SeenPage) -> bool:
    """Whether a page has the same next link as the page before."""
    return page.page.link is not None and page.page.link == before.page.link


def _begins_as(other: SeenPage, page: SeenPage) -> bool:
    """Whether a page begins with all rows of another: a link may have led back."""
    return page.keys[: len(other.keys)] == other.keys


class Numbering:
    """Numbers identical rows, and recognizes rows repeated across a page boundary.

    Pages are counted from the front, so new events push rows to the next page, where
    they repeat; the last row of a page is always among them. A page without that row
    has new rows only, unless rows were pushed by more than a page. In other pages, a
    known row is a repeat if newer known rows are there too. Otherwise it is a repeat or
    a new identical event, and kept aside until its instant is over.

    Attributes:
        unresolved: The rows kept aside.
        last: The instant at which the furthest page ends.
    """

    def __init__(self, report: EventReport, activity_id: str) -> None:
        self.unresolved: UnresolvedRows | None = None
        self.last = ""
        self._natural_key = report.natural_key_of
        self._report = report
        self._activity = activity_id
        self._seen: dict[NaturalKey, int] = {}
        self._older: dict[NaturalKey, int] = {}
        self._end: SeenPage | None = None
        self._began: SeenPage | None = None
        # Whether the last page ended before that one.
        self._behind = False
        # Where an earlier numbering of the report was broken off, and what it had seen.
        self._before: tuple[str, frozenset[str]] | None = None

    def number(self, rows: list[Row], page: Page) -> list[Row]:
        """Return a page's rows that are certainly new, with their ids."""
        if not rows:
            return []
        shown = self._seen_page(rows, page)
        if self._end and self._may_repeat(rows, shown.keys, self._end):
            fresh = self._sifted(rows, shown, self._end)
        else:
            fresh = self._numbered(rows, shown.keys)
            self._behind = False
        self._advance(rows, shown)
        return self._left(fresh)

    def _seen_page(self, rows: list[Row], page: Page) -> SeenPage:
        return SeenPage(list(map(self._natural_key, rows)), page)

    @property
    def instant_is_over(self) -> bool:
        """Whether pages have passed the instant of the rows kept aside."""
        return bool(
            self.unresolved and self.unresolved.rows[0].created_time != self.last
        )

    def settle(
        self, again: Callable[[Page], tuple[list[Row], Page]]
    ) -> list[Row] | None:
        """Return the new events among the rows kept aside; None if undecidable.

        Args:
            again: Requests a page again.
        """
        if not self.unresolved:
            return []

        repeats = self.unresolved.repeats(
            lambda shown: self._seen_page(*again(shown.page))
        )
        if repeats is None:
            return None
        twins = self.unresolved.rows[repeats:]
        return self._left(self._numbered(twins, list(map(self._natural_key, twins))))

    def restarted(self) -> Numbering:
        """Return a numbering that reads the report from the beginning again.

        It leaves out rows that were already seen, and newer ones.
        """
        again = Numbering(self._report, self._activity)
        if self.last:
            again._before = (self.last, self._ids())
        return again

    def _ids(self) -> frozenset[str]:
        namespace, activity = self._report.namespace, self._activity
        return frozenset(
            event_id(namespace, activity, natural_key, number)
            for natural_key, count in chain(self._older.items(), self._seen.items())
            for number in range(count)
        )

    def _left(self, rows: list[Row]) -> list[Row]:
        """Leave out rows that were read before the restart, and newer ones."""
        if not self._before:
            return rows
        last, ids = self._before
        key = self._report.key
        return [
            row
            for row in rows
            if row.created_time <= last and getattr(row, key) not in ids
        ]

    def _times(self, natural_key: NaturalKey) -> int:
        return self._seen.get(natural_key) or self._older.get(natural_key, 0)

    def _numbered(self, rows: list[Row], keys: list[NaturalKey]) -> list[Row]:
        """Set the ids of new rows."""
        namespace, activity, key = (
            self._report.namespace,
            self._activity,
            self._report.key,
        )
        seen, older = self._seen, self._older
        for row, natural_key in zip(rows, keys, strict=True):
            number = seen.get(natural_key) or older.get(natural_key, 0)
            seen[natural_key] = number + 1
            setattr(row, key, event_id(namespace, activity, natural_key, number))
        return rows

    def _may_repeat(
        self, rows: list[Row], keys: list[NaturalKey], end: SeenPage
    ) -> bool:
        """Whether any row of a page may be a repeat."""
        if self._behind or end.keys[-1] in keys:
            return True
        # Pushed by more than a page: nothing in it is older. After a doubt, the page
        # that was read farthest may be an earlier one, so that this tells nothing.
        far = rows[-1].created_time >= self.last or self.unresolved is not None
        return far and any(map(self._times, (keys[0], keys[-1])))

    def _sifted(self, rows: list[Row], shown: SeenPage, end: SeenPage) -> list[Row]:
        """Return a page's new rows; keep unresolved ones aside."""
        pairs = list(zip(rows, shown.keys, strict=True))
        pushed = any(
            row.created_time > self.last and self._times(natural_key)
            for row, natural_key in pairs
        )
        aside = self.unresolved.rows if self.unresolved else []
        waiting = Counter(map(self._natural_key, aside))
        here: Counter[NaturalKey] = Counter()
        fresh, known = [], []
        for row, natural_key in pairs:
            here[natural_key] += 1
            # Rows kept aside may become known.
            seen = self._times(natural_key) + pushed * waiting[natural_key]
            if here[natural_key] > seen:
                fresh += self._numbered([row], [natural_key])
            else:
                known.append(row)
        if known and not pushed:
            self.unresolved = self.unresolved or UnresolvedRows(self._began or end)
            self.unresolved.rows += known
            self.unresolved.met.append((end, shown))
        there = here[end.keys[-1]]
        # A page that begins before the instant has all of it, down to where it ends.
        begins_before = rows[0].created_time > self.last
        expected = self._times(end.keys[-1]) if begins_before else 1
        self._behind = there < expected
        return fresh

    def _advance(self, rows: list[Row], shown: SeenPage) -> None:
        """Note the page, unless others were read further."""
        first, last = rows[0].created_time, rows[-1].created_time
        if self._end and (last > self.last or (last == self.last and self._behind)):
            self._behind = True
            return
        if last != self.last or first > last:
            self._began = shown
            self._forget(shown.keys)
        self._behind, self.last, self._end = False, last, shown

    def _forget(self, keys: list[NaturalKey]) -> None:
        """Forget old keys, except those of a page."""
        if len(self._seen) > REMEMBERED:
            self._older = self._seen
            self._seen = {natural_key: self._times(natural_key) for natural_key in keys}

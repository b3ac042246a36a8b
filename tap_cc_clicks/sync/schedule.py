"""When to look for change: a daily budget, and what it is spent on.

A look is a request that may find something new: an activity's counters, its reports if
it has no counters, or the look-up of a campaign. Half of the budget R goes to what was
not looked at for longest. If looking at everything once costs C, nothing waits longer
than 2 C / R days and one run, because less than C stands before an item in that queue.
The other half goes to fresh emails, then to changed summaries, then to where the next
click is most likely. Intervals then grow with the square root of how long an email has
been quiet, which is optimal for changes at random times.

Times are hours since 1970. Costs and levels are tenths of a request, the cost of one
activity's counters. ``per_day`` is ``look_requests_per_day``; 0 means no limit.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from heapq import nlargest, nsmallest
from math import ceil

from tap_cc_clicks.api.service import IDS_PER_STATS_REQUEST
from tap_cc_clicks.api.wire import NEVER_SENT, REMOVED

HOURS_PER_DAY = 24
HOURS_PER_WEEK = 7 * HOURS_PER_DAY
# A daily run may start a little early.
DAILY_HOURS = HOURS_PER_DAY - 1
FRESH_HOURS = 3 * HOURS_PER_DAY
COUNTERS = 1
REQUEST = IDS_PER_STATS_REQUEST * COUNTERS
# Its multiples, without their whole part, are spread evenly.
GOLDEN_RATIO = (5**0.5 - 1) / 2
# More than any square of hours, to rank first.
FIRST = 1e12
# Such a campaign changes its status before it has anything new.
AT_REST = NEVER_SENT | {"error", REMOVED}


class Kind(Enum):
    """What a look does."""

    READ = auto()
    """Request an activity's counters, or its reports."""
    SEARCH = auto()
    """Search an activity's reports for clicks that are counted and not shown."""
    LOOK_UP = auto()
    """Look a campaign up."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be looked at.

    Attributes:
        item: The id of the activity or campaign.
        cost: The cost of a look.
        looked: When it was last looked at.
        moved: When its counters last changed, or when it was sent.
        fresh: Whether it was sent within FRESH_HOURS.
        hinted: Whether its campaign's summary has changed since the last look.
        kind: What the look does.
    """

    item: str
    cost: int
    looked: float
    moved: float
    fresh: bool = False
    hinted: bool = False
    kind: Kind = Kind.READ


@dataclass(frozen=True, slots=True)
class Look:
    """A selected candidate.

    Attributes:
        oldest: Whether it is charged to the half for the longest wait.
    """

    candidate: Candidate
    oldest: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """What may be spent on looks, at most a day's budget, in two halves.

    Attributes:
        oldest: For the longest wait; negative if the last look cost more than was
            left.
        likely: For where new clicks are likely.
        hour: The time of these levels.
    """

    oldest: float
    likely: float
    hour: float

    @classmethod
    def full(cls, per_day: float, now: float) -> Bucket:
        """Return a full bucket."""
        half = per_day * REQUEST / 2
        return cls(half, half, now)

    def filled(self, per_day: float, now: float) -> Bucket:
        """Return the bucket, refilled up to now."""
        full = Bucket.full(per_day, now)
        # A time in the future comes from a wrong clock.
        gained = full.oldest * max(0.0, now - self.hour) / HOURS_PER_DAY
        oldest = min(full.oldest, self.oldest + gained)
        return Bucket(oldest, min(full.likely, self.likely + gained), now)

    def within(self, other: Bucket) -> Bucket:
        """Return the lower levels of both buckets."""
        oldest, likely = min(self.oldest, other.oldest), min(self.likely, other.likely)
        return Bucket(oldest, likely, self.hour)

    def after(self, look: Look) -> Bucket:
        """Return the bucket after a look."""
        cost = look.candidate.cost
        if look.oldest:
            return Bucket(self.oldest - cost, self.likely, self.hour)
        return Bucket(self.oldest, self.likely - cost, self.hour)


def choose(
    candidates: Sequence[Candidate], bucket: Bucket | None, now: float
) -> list[Look]:
    """Select the looks of a run, fresh emails first.

    Args:
        candidates: What may be looked at.
        bucket: The budget, refilled up to now; None for no limit.
        now: The current time.
    """
    if bucket is None:
        return [Look(one) for one in candidates]
    looks = list(_longest_ago(candidates, bucket.oldest, now))
    chosen = {(look.candidate.kind, look.candidate.item) for look in looks}
    rest = [one for one in candidates if (one.kind, one.item) not in chosen]
    looks += _likely(rest, bucket.likely, now)
    return sorted(looks, key=lambda look: not look.candidate.fresh)


def _longest_ago(
    candidates: Sequence[Candidate], level: float, now: float
) -> Iterator[Look]:
    """Yield what waited longest, until the level is used up.

    The last look may cost more than is left. Saving for it could overflow the bucket.
    """

    def turn(one: Candidate) -> tuple[float, int]:
        return one.looked if one.looked <= now else 0, one.cost

    # The level cannot pay for more.
    for one in nsmallest(ceil(level / COUNTERS), candidates, key=turn):
        if level <= 0:
            return
        level -= one.cost
        yield Look(one, oldest=True)


def _likely(
    candidates: Sequence[Candidate], level: float, now: float
) -> Iterator[Look]:
    """Yield where new clicks are most likely, as far as the level goes."""

    def rank(one: Candidate) -> float:
        quiet = max(1, now - one.moved)
        likely = (now - one.looked) ** 2 / (quiet * one.cost)
        return likely + FIRST * (2 * one.fresh + one.hinted)

    for one in nlargest(int(level / COUNTERS), candidates, key=rank):
        if one.cost <= level:
            level -= one.cost
            yield Look(one)


def left_out(candidates: Sequence[Candidate], looks: Sequence[Look]) -> str | None:
    """Return a message if there are more fresh emails than their half pays for."""
    fresh = sum(one.fresh for one in candidates)
    fresh -= sum(look.candidate.fresh for look in looks)
    if not fresh:
        return None
    return (
        f"{fresh:,} emails sent within three days are not looked at in this run: half "
        "of look_requests_per_day is not enough for all of them"
    )


def promised_days(total: float, per_day: float) -> float:
    """Return the days, plus one run, within which everything is looked at once.

    With less than one run a day, it is a number of runs instead.
    """
    return 2 * total / (per_day * REQUEST) if per_day else 0


def spread(item: str, days: float, now: float) -> int:
    """Return an assumed time of the last look, spread evenly over the days before.

    It depends on the id and the current time only.
    """
    return int(now - _share(item) * days * HOURS_PER_DAY)


def is_asked_again(item: str, last: float, now: float, *, fresh: bool) -> bool:
    """Return whether something that was absent is asked for: it may be there by now.

    Once a day while its email is fresh, then once a week. Where days and weeks begin
    depends on the id.

    Args:
        item: The activity.
        last: When it was last possible to ask.
        now: The current time.
        fresh: Whether it was sent within FRESH_HOURS.
    """
    period = HOURS_PER_DAY if fresh else HOURS_PER_WEEK
    shift = _share(item) * period
    return (last + shift) // period < (now + shift) // period


def turn(item: str, now: float) -> float:
    """Return a place between 0 and 1 in a queue; in each hour it is another."""
    return (_share(item) + int(now) * GOLDEN_RATIO) % 1


def _share(item: str) -> float:
    """Return a number between 0 and 1 that depends on the id only."""
    return zlib.crc32(item.encode()) / 2**32


def is_at_rest(status: str) -> bool:
    """Return whether a campaign is looked at again only if status or date change."""
    return status.lower() in AT_REST


def links_are_due(read: float | None, now: float, *, clicked: bool) -> bool:
    """Return whether links are read: at most once a day, if clicked since.

    Args:
        read: When they were last read; None for never.
        now: The current time.
        clicked: Whether there were clicks since.
    """
    return read is None or (clicked and not 0 <= now - read < HOURS_PER_DAY)

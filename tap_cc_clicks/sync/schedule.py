"""When to look for change: a budget by the day, and what it is spent on first.

A look is a request that may find something new: an activity's counters, its reports
where it has none, or a look-up of a campaign that nothing announced. Half of the budget
R goes to what was looked at longest ago. If looking at everything once costs C, nothing
waits for more than 2 C / R days and a run: what stands before an item in that queue
costs less than C, and all that is looked at goes behind it. The other half goes to
fresh emails, then to what summaries say has changed, then to where the next click is
most likely to wait: intervals grow with the root of how long an email has been quiet,
the optimum for refreshing copies of what changes at random.

Moments are hours since 1970; costs and levels are in tenths of a request, what an
activity's counters cost; ``per_day`` is ``look_requests_per_day``, 0 for no limit.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from math import ceil

from tap_cc_clicks.api.service import IDS_PER_STATS_REQUEST
from tap_cc_clicks.api.wire import NEVER_SENT, REMOVED

HOURS_PER_DAY = 24
# What each of daily runs does, though one may start a little early.
DAILY_HOURS = HOURS_PER_DAY - 1
FRESH_HOURS = 3 * HOURS_PER_DAY
COUNTERS = 1
REQUEST = IDS_PER_STATS_REQUEST * COUNTERS
# Ranks above all that is merely likely: more than any hours squared.
FIRST = 1e12
# What the listing has with one of these says so before it has anything new.
AT_REST = NEVER_SENT | {"error", REMOVED}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be looked at.

    Attributes:
        key: Tells it from others.
        cost: Of a look.
        looked: When it was last looked at.
        moved: When its counters last changed, or else when it was sent.
        fresh: Whether it was sent within FRESH_HOURS.
        hinted: Whether its campaign's summary has changed since it was looked at.
    """

    key: str
    cost: int
    looked: float
    moved: float
    fresh: bool = False
    hinted: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """A candidate that was chosen.

    Attributes:
        oldest: Whether the half for what was looked at longest ago pays for it.
    """

    candidate: Candidate
    oldest: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """What may be spent on looks: a day's worth at most, in halves.

    Two levels, so that neither half lives on the other.

    Attributes:
        oldest: For what was looked at longest ago; below 0 where the last look cost
            more than was left.
        likely: For where new clicks are likely.
        hour: When these levels were taken.
    """

    oldest: float
    likely: float
    hour: float

    @classmethod
    def full(cls, per_day: float, now: float) -> Bucket:
        """Return the bucket of a tap that has not looked yet."""
        half = per_day * REQUEST / 2
        return cls(half, half, now)

    def filled(self, per_day: float, now: float) -> Bucket:
        """Return the bucket with what has come into it since."""
        full = Bucket.full(per_day, now)
        # A moment yet to come was noted by a clock that was wrong.
        gained = full.oldest * max(0.0, now - self.hour) / HOURS_PER_DAY
        oldest = min(full.oldest, self.oldest + gained)
        return Bucket(oldest, min(full.likely, self.likely + gained), now)

    def within(self, other: Bucket) -> Bucket:
        """Return what of this bucket another one has, too."""
        oldest, likely = min(self.oldest, other.oldest), min(self.likely, other.likely)
        return Bucket(oldest, likely, self.hour)

    def after(self, look: Look) -> Bucket:
        """Return the bucket once the outcome of a look was written."""
        cost = look.candidate.cost
        if look.oldest:
            return Bucket(self.oldest - cost, self.likely, self.hour)
        return Bucket(self.oldest, self.likely - cost, self.hour)


def choose(
    candidates: Sequence[Candidate], bucket: Bucket | None, now: float
) -> list[Look]:
    """Return what a run looks at, fresh emails first.

    The bucket is filled up to now; None for no limit.
    """
    if bucket is None:
        return [Look(one) for one in candidates]
    looks = list(_longest_ago(candidates, bucket.oldest, now))
    chosen = {look.candidate.key for look in looks}
    rest = [one for one in candidates if one.key not in chosen]
    looks += _likely(rest, bucket.likely, now)
    return sorted(looks, key=lambda look: not look.candidate.fresh)


def _longest_ago(
    candidates: Sequence[Candidate], level: float, now: float
) -> Iterator[Look]:
    """Yield what was looked at longest ago, while anything is left to be spent.

    The last may cost more than that: what is saved up for it could overflow.
    """

    def turn(one: Candidate) -> tuple[float, int]:
        return one.looked if one.looked <= now else 0, one.cost

    # No more than these can be paid for.
    for one in nsmallest(ceil(level / COUNTERS), candidates, key=turn):
        if level <= 0:
            return
        level -= one.cost
        yield Look(one, oldest=True)


def _likely(
    candidates: Sequence[Candidate], level: float, now: float
) -> Iterator[Look]:
    """Yield where new clicks are most likely, as far as the level reaches."""

    def rank(one: Candidate) -> float:
        quiet = max(1, now - one.moved)
        likely = (now - one.looked) ** 2 / (quiet * one.cost)
        return likely + FIRST * (2 * one.fresh + one.hinted)

    for one in nlargest(int(level / COUNTERS), candidates, key=rank):
        if one.cost <= level:
            level -= one.cost
            yield Look(one)


def left_out(candidates: Sequence[Candidate], looks: Sequence[Look]) -> str | None:
    """Return a line on fresh emails that their half does not reach for, if any."""
    fresh = sum(one.fresh for one in candidates)
    fresh -= sum(look.candidate.fresh for look in looks)
    if not fresh:
        return None
    return (
        f"{fresh:,} emails sent within three days are not looked at in this run: half "
        "of look_requests_per_day does not reach for all of them"
    )


def promised_days(total: float, per_day: float) -> float:
    """Return within how many days, and a run, all that costs this total is looked at.

    Where runs are rarer than one a day, within so many runs, and one.
    """
    return 2 * total / (per_day * REQUEST) if per_day else 0


def spread(key: str, days: float, now: float) -> int:
    """Return when something counts as last looked at of which that is not known.

    Evenly spread over the days before, by the key: the same in every run.
    """
    share = zlib.crc32(key.encode()) / 2**32
    return int(now - share * days * HOURS_PER_DAY)


def is_at_rest(status: str) -> bool:
    """Tell whether only a new status or date has a campaign looked at again."""
    return status.lower() in AT_REST


def links_are_due(read: float | None, now: float, *, clicked: bool) -> bool:
    """Tell whether links are read: once a day at most, the last time after all clicks.

    They were last ``read`` then, or never, and ``clicked`` since or not.
    """
    return read is None or (clicked and not 0 <= now - read < HOURS_PER_DAY)

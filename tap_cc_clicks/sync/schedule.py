"""When to look for change: a budget by the day, and what it is spent on first.

A look is a request that may find something new: an activity's counters, its reports
where it has none, or a look-up of a campaign that nothing announced. Half of the budget
R goes to what was looked at longest ago. Looking at everything once costs C, so nothing
waits for more than 2 C / R days and a run: what stands before an item in that queue
costs less than C, and whatever is looked at meanwhile goes behind it. The other half
goes to fresh emails, then to what summaries say has changed, then to where the next
click is most likely to wait: intervals grow with the root of how long an email has
been quiet, the optimum for refreshing copies of what changes at random.

Moments are hours since 1970. Costs and levels are in tenths of a request, the cost of
one activity's counters.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from tap_cc_clicks.api.service import IDS_PER_STATS_REQUEST
from tap_cc_clicks.api.wire import NEVER_SENT, REMOVED

HOURS_PER_DAY = 24
FRESH_HOURS = 3 * HOURS_PER_DAY
COUNTERS = 1
REQUEST = IDS_PER_STATS_REQUEST * COUNTERS
# With one of these, a campaign whose reports were read once tells of its next change.
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

    def age(self, now: float) -> float:
        """Return the hours since the last look; a clock that was wrong tells none."""
        return now - self.looked if self.looked <= now else inf

    def rank(self, now: float) -> tuple[bool, bool, float]:
        """Return what the likely half is ordered by, the largest first."""
        quiet = max(1.0, now - self.moved)
        likely = self.age(now) ** 2 / (quiet * self.cost)
        return self.fresh, self.hinted, likely


@dataclass(frozen=True, slots=True)
class Look:
    """A candidate that was chosen.

    Attributes:
        oldest: Whether the half for what was looked at longest ago pays for it.
    """

    candidate: Candidate
    oldest: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The looks of a run.

    Attributes:
        looks: Fresh emails first.
        left_out: Fresh emails that their half does not reach for.
    """

    looks: Sequence[Look]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Bucket:
    """What may be spent on looks now: a day's worth at most, in halves.

    Two levels, so that neither half can live on the other.

    Attributes:
        oldest: For what was looked at longest ago; less than nothing where a look cost
            more than there was left.
        likely: For where new clicks are likely.
        hour: When these levels were taken.
    """

    oldest: float
    likely: float
    hour: float

    @classmethod
    def full(cls, per_day: float, now: float) -> Bucket:
        """Return the bucket of somebody who has not looked yet.

        Args:
            per_day: Requests for looks (``look_requests_per_day``).
            now: The moment.
        """
        half = per_day * REQUEST / 2
        return cls(half, half, now)

    def filled(self, per_day: float, now: float) -> Bucket:
        """Return the bucket with what has come into it since."""
        full = Bucket.full(per_day, now)
        # A clock that was wrong brings nothing now, and is forgotten.
        share = max(0.0, now - self.hour) / HOURS_PER_DAY
        return Bucket(
            min(full.oldest, self.oldest + share * full.oldest),
            min(full.likely, self.likely + share * full.likely),
            now,
        )

    def after(self, look: Look) -> Bucket:
        """Return the bucket once the outcome of a look was written."""
        cost = look.candidate.cost
        if look.oldest:
            return Bucket(self.oldest - cost, self.likely, self.hour)
        return Bucket(self.oldest, self.likely - cost, self.hour)


def choose(
    candidates: Sequence[Candidate], bucket: Bucket | None, now: float
) -> Choice:
    """Choose what a run looks at.

    Args:
        candidates: All that may be looked at.
        bucket: What may be spent, filled up to now; None for no limit.
        now: The moment.
    """
    if bucket is None:
        return Choice([Look(one) for one in candidates])
    queue = sorted(candidates, key=lambda one: one.age(now), reverse=True)
    looks = [Look(one, oldest=True) for one in _longest_ago(queue, bucket.oldest)]
    level, left_out = bucket.likely, 0
    rest = queue[len(looks) :]
    for one in sorted(rest, key=lambda one: one.rank(now), reverse=True):
        if one.cost <= level:
            level -= one.cost
            looks.append(Look(one))
        else:
            left_out += one.fresh
    return Choice(sorted(looks, key=lambda one: not one.candidate.fresh), left_out)


def _longest_ago(queue: Sequence[Candidate], level: float) -> Iterator[Candidate]:
    """Yield the first of a queue, while anything is left to be spent.

    The last may cost more than that: saving up for it would lose what overflows.
    """
    for one in queue:
        if level <= 0:
            return
        level -= one.cost
        yield one


def promised_days(total: float, per_day: float) -> float:
    """Return within how many days, and one run, everything is looked at.

    Where runs are rarer than one a day, within so many runs, and one.

    Args:
        total: The cost of looking at everything once.
        per_day: Requests for looks; 0 for no limit.
    """
    return 2 * total / (per_day * REQUEST) if per_day else 0


def spread(key: str, days: float, now: float) -> int:
    """Return when something of which that is unknown counts as last looked at.

    Evenly spread over so many days, and the same in every run.
    """
    share = zlib.crc32(key.encode()) / 2**32
    return int(now - share * days * HOURS_PER_DAY)


def is_at_rest(status: str, *, read: bool) -> bool:
    """Tell whether a campaign is looked at again only when its status or date changes.

    Args:
        status: As the listing has it.
        read: Whether all its reports were read.
    """
    return read and status.lower() in AT_REST


def links_are_due(read: float | None, now: float, *, clicked: bool) -> bool:
    """Tell whether an activity's links are read: once a day at most.

    What was clicked within a day of the last reading waits for the end of that day:
    so the last reading comes after the last click.

    Args:
        read: When they were read; None if they never were.
        now: The moment.
        clicked: Whether clicks were counted since.
    """
    return read is None or (clicked and not 0 <= now - read < HOURS_PER_DAY)

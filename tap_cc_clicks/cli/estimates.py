"""Between which two numbers the whole lies, by what a sample of it shows."""

from __future__ import annotations

from math import sqrt
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")

# The first of so many in a sample are those that matter most.
FIRST_IN_SAMPLE = 4
# Standard errors to either side: nineteen of twenty estimates are right.
SURE = 2


class Figure(Struct, frozen=True):
    """A number, or between which two it lies."""

    low: int = 0
    high: int = 0

    def __str__(self) -> str:
        """Write it as people read it."""
        between = f"{self.low:,} to {self.high:,}"
        return f"{self.low:,}" if self.low == self.high else between

    def __add__(self, other: Figure) -> Figure:
        """Return the sum of two."""
        return Figure(self.low + other.low, self.high + other.high)


def exactly(number: int) -> Figure:
    """Return a number that is known."""
    return Figure(number, number)


def estimate(values: list[int], unseen: int) -> Figure:
    """Return the sum of values and of more like them that were not seen.

    Args:
        values: Of some items.
        unseen: How many further items of the same sort there are.
    """
    seen = sum(values)
    if not values or not unseen:
        return exactly(seen)
    mean = seen / len(values)
    # One more, since unseen values may differ even if the seen ones do not.
    squares = 1 + sum((one - mean) ** 2 for one in values)
    spread = SURE * sqrt(squares / max(1, len(values) - 1) / len(values))
    low, high = unseen * max(0, mean - spread), unseen * (mean + spread)
    return Figure(seen + round(low), seen + round(high))


def sample(items: list[T], most: int | None) -> tuple[list[T], int, int]:
    """Return some of the items, how many are the first ones, and how many are left.

    Args:
        items: Those that matter most come first.
        most: How many to return, the rest evenly spread; None for all.
    """
    if most is None or len(items) <= most:
        return items, len(items), 0
    first = most // FIRST_IN_SAMPLE
    rest, spread = items[first:], most - first
    places = [(2 * place + 1) * len(rest) // (2 * spread) for place in range(spread)]
    chosen = items[:first] + [rest[place] for place in places]
    return chosen, first, len(rest) - spread

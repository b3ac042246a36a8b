"""Estimate totals from a sample, as a lower and an upper bound."""

from __future__ import annotations

from math import sqrt
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")

# The share of a sample that is taken from the largest items.
FIRST_IN_SAMPLE = 4
# The bounds' distance from the mean in standard errors: a confidence of 95 %.
SURE = 2


class Figure(Struct, frozen=True):
    """A number, or its bounds."""

    low: int = 0
    high: int = 0

    def __str__(self) -> str:
        between = f"{self.low:,} to {self.high:,}"
        return f"{self.low:,}" if self.low == self.high else between

    def __add__(self, other: Figure) -> Figure:
        return Figure(self.low + other.low, self.high + other.high)


def exactly(number: int) -> Figure:
    """Return a known number as an estimate."""
    return Figure(number, number)


def estimate(values: list[int], unseen: int) -> Figure:
    """Estimate a total from a sample.

    Args:
        values: The values of the sample.
        unseen: The number of other items.
    """
    seen = sum(values)
    if not values or not unseen:
        return exactly(seen)
    mean = seen / len(values)
    # Plus 1, since other values may differ even if those of the sample do not.
    squares = 1 + sum((value - mean) ** 2 for value in values)
    spread = SURE * sqrt(squares / max(1, len(values) - 1) / len(values))
    low, high = unseen * max(0, mean - spread), unseen * (mean + spread)
    return Figure(seen + round(low), seen + round(high))


def sample(items: list[T], most: int | None) -> tuple[list[T], int, int]:
    """Return a sample, the number of largest items in it, and of items not in it.

    Args:
        items: The items, largest first.
        most: The size of the sample; None for all items.
    """
    if most is None or len(items) <= most:
        return items, len(items), 0
    first = most // FIRST_IN_SAMPLE
    rest, spread = items[first:], most - first
    places = [(2 * place + 1) * len(rest) // (2 * spread) for place in range(spread)]
    chosen = items[:first] + [rest[place] for place in places]
    return chosen, first, len(rest) - spread

"""A small model of an account: sends and clicks.

Each email has one report; clicks decline after the send, with a trickle later.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from tap_cc_clicks.sync.schedule import HOURS_PER_DAY

DAYS = 60
PAGE = 500
# Campaigns were sent evenly over five years, and sending continues.
AGE = 5 * 365 * HOURS_PER_DAY
# An email's clicks: CLICKS_SOON after SOON hours on average, and others at a rate of
# TRICKLE / (age + SOON): thirteen in five years, an eighth of all.
CLICKS_SOON, SOON, TRICKLE = 90, 12, 1.6
# The share of clicks by people who had clicked in that email before.
AGAIN = 0.5
# One email in ONE_AT_REST was removed or failed; one in ONE_UNCOUNTED was sent, and has
# no counters.
ONE_AT_REST, ONE_UNCOUNTED = 20, 300


@dataclass(frozen=True, slots=True)
class Click:
    """A click: its hour, its email, and whether the person is new to it."""

    hour: float
    email: int
    by_new: bool


@dataclass(frozen=True, slots=True)
class Email:
    """An email of the model.

    Attributes:
        sent: The hour; the simulation begins at hour 0.
        at_rest: Whether it was removed or failed; it gets no clicks.
        counted: Whether the service counts its clicks.
        moved: The hour of its last click before hour 0, or of its send.
    """

    sent: float
    at_rest: bool
    counted: bool
    moved: float


class Account:
    """A deterministic account whose emails were all loaded at hour 0.

    Args:
        campaigns: The number of campaigns at hour 0.
        days: The number of simulated days.

    Attributes:
        emails: In the order in which they are sent.
        clicks: Those after hour 0, in order.
    """

    def __init__(self, campaigns: int, days: int = DAYS) -> None:
        self.campaigns = campaigns
        self.hours = days * HOURS_PER_DAY
        self.emails: list[Email] = []
        self.clicks: list[Click] = []
        chance = random.Random(campaigns)
        pause = AGE / campaigns
        for number in range(int(campaigns * (1 + self.hours / AGE))):
            self._send(number, (number + 0.5) * pause - AGE, chance)
        self.clicks.sort(key=lambda click: click.hour)

    @property
    def pages(self) -> int:
        """Requests that list all campaigns, or all summaries."""
        return math.ceil(self.campaigns / PAGE)

    def _send(self, number: int, sent: float, chance: random.Random) -> None:
        at_rest, uncounted = number % ONE_AT_REST == 0, number % ONE_UNCOUNTED == 1
        hours = [] if at_rest else list(self._clicked(sent, chance))
        moved = max([sent, *(hour for hour in hours if hour <= 0)])
        self.emails.append(Email(sent, at_rest, not (at_rest or uncounted), moved))
        for hour in hours:
            if 0 < hour < self.hours:
                self.clicks.append(Click(hour, number, chance.random() >= AGAIN))

    def _clicked(self, sent: float, chance: random.Random) -> Iterator[float]:
        """Yield the hours of an email's clicks, unordered."""
        # Emails sent long before the first day have no more of these.
        for _ in range(CLICKS_SOON if sent > -20 * SOON else 0):
            yield sent + chance.expovariate(1 / SOON)
        age = 0.0
        while sent + age < self.hours:
            age += (age + SOON) * math.expm1(chance.expovariate(TRICKLE))
            yield sent + age

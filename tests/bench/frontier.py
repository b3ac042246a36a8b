"""How late clicks are for how many requests: 60 simulated days for each policy.

The account is a model (:mod:`tests.bench.model`). Clicks are selected, and details of
new activities. The clock is an argument, so that days pass quickly. The schedule itself
chooses the looks; a tap without any memory of reports is simulated.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from typing_extensions import override

from tap_cc_clicks.sync.schedule import (
    COUNTERS,
    FRESH_HOURS,
    HOURS_PER_DAY,
    REQUEST,
    Bucket,
    Candidate,
    choose,
    left_out,
    promised_days,
)
from tests.bench.model import PAGE, Account, Click

CAMPAIGNS = (300, 3_000, 20_000)
RUNS = {"hourly": 1, "six-hourly": 6, "daily": 24}
LOOKS_PER_DAY = (200, 500)
PLAIN = "everything each run"
HEAD = ["campaigns", "policy", *RUNS]


@dataclass
class Played:
    """The result of simulating a policy.

    Attributes:
        days: The number of simulated days.
        requests: Requests by purpose.
        lateness: For each click, hours until it was loaded, or until the end.
        behind: The same from the first run that could have loaded it, with the age
            of its email then.
        runs_short: Runs that did not look at all fresh emails.
    """

    days: float
    requests: Counter[str] = field(default_factory=Counter)
    lateness: list[float] = field(default_factory=list)
    behind: list[tuple[float, float]] = field(default_factory=list)
    runs_short: int = 0

    @property
    def a_day(self) -> float:
        """Requests a day."""
        return self.requests.total() / self.days

    def share(self, part: float) -> float:
        """Return the hours within which this part of all clicks was loaded."""
        return sorted(self.lateness)[math.ceil(part * len(self.lateness)) - 1]


class Policy(ABC):
    """Simulates runs over an account.

    Args:
        account: The account.
        gap: Hours between two runs.
    """

    def __init__(self, account: Account, gap: int) -> None:
        self.account = account
        self.gap = gap
        self.now = 0
        self.played = Played(account.hours / HOURS_PER_DAY)
        self.waiting: dict[int, list[Click]] = {}
        self.known = self.uncounted = self.at_rest = 0
        self._admit()

    @abstractmethod
    def run(self, new: range) -> None:
        """Simulate a run with these new emails."""

    def play(self) -> Played:
        """Simulate all runs."""
        clicks = iter(self.account.clicks)
        click = next(clicks, None)
        while self.now + self.gap <= self.account.hours:
            self.now += self.gap
            while click and click.hour <= self.now:
                self.waiting.setdefault(click.email, []).append(click)
                click = next(clicks, None)
            new = self._admit()
            self.ask("new campaigns", 2 * len(new))
            self.run(new)
        self.load(list(self.waiting))
        return self.played

    def _admit(self) -> range:
        """Add the emails that are new in the listing, and return them."""
        rest = islice(self.account.emails, self.known, None)
        new = range(self.known, self.known)
        for email in rest:
            if email.sent > self.now:
                break
            self.at_rest += email.at_rest
            self.uncounted += not (email.counted or email.at_rest)
            new = range(new.start, new.stop + 1)
        self.known = new.stop
        return new

    def ask(self, kind: str, requests: int) -> None:
        """Count requests."""
        self.played.requests[kind] += requests

    def ask_counters(self, emails: int) -> None:
        """Count the requests for the counters of some emails."""
        self.ask("counters", math.ceil(emails / REQUEST))

    def load(self, numbers: Iterable[int]) -> set[int]:
        """Load the clicks of emails, and return those that had any."""
        loaded = self.waiting.keys() & set(numbers)
        for number in loaded:
            for click in self.waiting.pop(number):
                first = math.ceil(click.hour / self.gap) * self.gap
                age = first - self.account.emails[number].sent
                self.played.lateness.append(self.now - click.hour)
                self.played.behind.append((self.now - first, age))
        return loaded

    def sent_within(self, hours: float) -> range:
        """Return the emails sent within the last hours."""
        first = self.known
        while first and self.now - self.account.emails[first - 1].sent <= hours:
            first -= 1
        return range(first, self.known)

    def told_by(self, summaries: range) -> set[int]:
        """Return the emails whose summaries show clicks by new people."""
        return {
            number
            for number, clicks in self.waiting.items()
            if number in summaries and any(click.by_new for click in clicks)
        }


class Plain(Policy):
    """Reads everything in each run, like a tap without change detection."""

    @override
    def run(self, new: range) -> None:
        self.ask("listing", self.account.pages)
        self.ask("campaigns", self.known - len(new))
        self.ask("clicks", self.known)
        self.load(list(self.waiting))


class Unlimited(Policy):
    """The schedule without a limit: it looks at everything in each run."""

    @override
    def run(self, new: range) -> None:
        self.listen()
        self.ask_counters(self.known - self.at_rest - self.uncounted)
        self.ask("clicks", len(self.load(list(self.waiting))))
        self.ask("reports without counters", self.uncounted)

    def listen(self) -> set[int]:
        """Read listing and summaries, in full once a day; return changed emails."""
        daily = self.now % HOURS_PER_DAY < self.gap
        self.ask("listing", self.account.pages if daily else 1)
        self.ask("summaries", self.account.pages if daily else 1)
        first = 0 if daily else max(0, self.known - PAGE)
        return self.told_by(range(first, self.known))


class Scheduled(Unlimited):
    """The schedule with a limit of requests a day for looks.

    Args:
        account: The account.
        gap: Hours between two runs.
        per_day: ``look_requests_per_day``.
    """

    def __init__(self, account: Account, gap: int, per_day: int) -> None:
        super().__init__(account, gap)
        self._per_day = per_day
        self._bucket = Bucket.full(per_day, 0)
        self._candidates: dict[int, Candidate] = {}
        self._marked: set[int] = set()
        self._add(range(self.known))

    @property
    def promise(self) -> float:
        """Hours within which everything is looked at, plus a run."""
        total = sum(one.cost for one in self._candidates.values())
        return promised_days(total, self._per_day) * max(HOURS_PER_DAY, self.gap)

    def _add(self, numbers: range) -> None:
        for number in numbers:
            email = self.account.emails[number]
            if not email.at_rest:
                cost = COUNTERS if email.counted else REQUEST
                self._candidates[number] = Candidate(
                    str(number), cost, self.now, email.moved
                )

    @override
    def run(self, new: range) -> None:
        self._mark(self.listen())
        looked = self._chosen()
        self._add(new)
        looked |= self._candidates.keys() & set(new)
        loaded = self.load(looked)
        self.ask("clicks", len(loaded))
        counted = {one for one in looked if self.account.emails[one].counted}
        self.ask_counters(len(counted))
        self.ask("reports without counters", len(looked - counted - loaded))
        for number in looked:
            known = self._candidates[number]
            moved = self.now if number in loaded else known.moved
            self._candidates[number] = replace(known, looked=self.now, moved=moved)

    def _mark(self, hinted: set[int]) -> None:
        """Mark fresh emails, and those that summaries show as changed."""
        fresh = set(self.sent_within(FRESH_HOURS))
        for number in self._candidates.keys() & (hinted | fresh | self._marked):
            self._candidates[number] = replace(
                self._candidates[number],
                fresh=number in fresh,
                hinted=number in hinted,
            )
        self._marked = hinted | fresh

    def _chosen(self) -> set[int]:
        bucket = self._bucket.filled(self._per_day, self.now)
        candidates = list(self._candidates.values())
        looks = choose(candidates, bucket, self.now)
        for look in looks:
            bucket = bucket.after(look)
        self._bucket = bucket
        self.played.runs_short += left_out(candidates, looks) is not None
        return {int(look.candidate.item) for look in looks}


def policies(account: Account, gap: int) -> Iterator[tuple[str, Policy]]:
    """Yield all policies with their names, the schedule at several budgets."""
    yield PLAIN, Plain(account, gap)
    for per_day in LOOKS_PER_DAY:
        yield f"schedule, {per_day} a day", Scheduled(account, gap, per_day)
    yield "schedule, no limit", Unlimited(account, gap)


def measure(campaigns: int) -> dict[str, dict[str, Played]]:
    """Return the results of each policy by the frequency of runs."""
    account = Account(campaigns)
    return {
        runs: {name: policy.play() for name, policy in policies(account, gap)}
        for runs, gap in RUNS.items()
    }


def rows(campaigns: int, played: dict[str, dict[str, Played]]) -> list[list[str]]:
    """Return the rows of a table: a policy each, with a column for each frequency."""
    names = next(iter(played.values()))
    return [
        [f"{campaigns:,}", name, *(_told(by_name[name]) for by_name in played.values())]
        for name in names
    ]


def _told(played: Played) -> str:
    late = " / ".join(_span(played.share(part)) for part in (0.5, 0.95, 1))
    return f"{played.a_day:,.0f}: {late}"


def _span(hours: float) -> str:
    days = hours / HOURS_PER_DAY
    return f"{hours:.1f} h" if hours <= 2 * HOURS_PER_DAY else f"{days:.0f} d"


def main() -> None:
    """Print the table, part by part."""
    print(*HEAD, sep=" | ")
    for campaigns in CAMPAIGNS:
        for row in rows(campaigns, measure(campaigns)):
            print(*row, sep=" | ", flush=True)


if __name__ == "__main__":
    main()

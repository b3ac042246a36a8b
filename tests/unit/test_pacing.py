"""The gate that limits the rate of requests."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest

from tap_cc_clicks.api.errors import BudgetSpentError, QuotaExceededError
from tap_cc_clicks.api.pacing import RECOVERY, Pace, RequestGate


def test_requests_of_many_threads_are_spaced_evenly() -> None:
    """The rate holds in every second, including the first."""
    gate = RequestGate(50)
    acquire, passed = gate._limiter.try_acquire, []

    def acquire_and_note() -> None:
        acquire()
        # The limiter's clock is used, as a thread may be delayed after its turn.
        passed.append(gate._bucket.items[-1].timestamp)

    with (
        mock.patch.object(gate._limiter, "try_acquire", acquire_and_note),
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(lambda _: gate.enter(), range(20)))
    pairs = itertools.pairwise(passed)
    assert all(later - sooner >= 20 for sooner, later in pairs)
    assert gate.requests == 20


def test_all_threads_share_the_request_budget() -> None:
    """Every request after the last raises an error."""
    gate = RequestGate(100_000, max_requests=5)
    errors = []

    def ask() -> None:
        try:
            gate.enter()
        except BudgetSpentError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gate.requests == 5
    assert len({id(error) for error in errors}) == 3


def test_a_shut_gate_raises_its_first_reason() -> None:
    gate = RequestGate(100_000)
    gate.shut(QuotaExceededError("quota"))
    gate.shut(BudgetSpentError("budget"))
    with pytest.raises(QuotaExceededError, match="quota"):
        gate.enter()
    assert gate.requests == 0


@pytest.mark.parametrize("rate", [0.001, 0.5, 4, 999, 100_000])
def test_any_rate_is_possible(rate: float) -> None:
    """Rates range from one request in a quarter of an hour to 100,000 a second."""
    RequestGate(rate).enter()


def test_each_request_is_counted_for_metrics() -> None:
    """Requests that were not let through are not counted."""
    counted: list[int] = []
    gate = RequestGate(100_000, 2, lambda: counted.append(1))
    for _ in range(2):
        gate.enter()
    with pytest.raises(BudgetSpentError):
        gate.enter()
    assert len(counted) == gate.requests == 2


@pytest.mark.parametrize("refusals", [1, 10, 100])
def test_the_pace_recovers_within_a_hundred_requests(refusals: int) -> None:
    """The number of earlier refusals makes no difference."""
    pace = Pace(4)
    usual = pace.interval
    for _ in range(refusals):
        pace.refused()
    assert pace.interval > usual
    for _ in range(RECOVERY):
        pace.succeeded()
    assert RECOVERY == 100
    assert pace.interval == usual


def test_the_gate_follows_the_pace() -> None:
    """It changes immediately in both directions."""
    gate = RequestGate(4)
    usual = gate._bucket.rates[0].interval
    gate.slow_down()
    assert gate._bucket.rates[0].interval > usual
    for _ in range(RECOVERY):
        gate.succeeded()
    assert gate._bucket.rates[0].interval == usual


def answered(paces: list[Pace], seconds: float, seed: int = 0) -> Iterator[bool]:
    """Yield whether each request of these runs was within 4 a second for one key.

    The simulation does not sleep: arrivals are sorted by time. With
    several runs, they vary by some milliseconds.
    """
    varying = 0.005 if len(paces) > 1 else 0.0005
    chance = random.Random(seed)
    due = [(chance.random(), number) for number in range(len(paces))]
    arrivals: deque[float] = deque(maxlen=4)
    while due[0][0] < seconds:
        at, number = heapq.heappop(due)
        in_time = len(arrivals) < 4 or at - arrivals[0] >= 1
        if in_time:
            arrivals.append(at)
            paces[number].succeeded()
        else:
            paces[number].refused()
        yield in_time
        later = at + paces[number].interval / 1000 + chance.uniform(-varying, varying)
        heapq.heappush(due, (later, number))


@pytest.mark.parametrize("seed", range(5))
def test_two_runs_on_one_key_share_its_pace(seed: int) -> None:
    """At most 5 % of their requests are refused, and they use most of the rate."""
    seconds = 150
    answers = list(answered([Pace(4), Pace(4)], seconds, seed))
    assert answers.count(False) <= 0.05 * len(answers)
    assert answers.count(True) >= 3.7 * seconds


def test_a_single_run_uses_the_whole_rate() -> None:
    """None of its requests is refused."""
    answers = list(answered([Pace(4)], 150))
    assert all(answers)
    assert len(answers) >= 3.9 * 150

"""The gate that every request passes."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest

from tap_cc_clicks.api.errors import BudgetSpentError, QuotaExceededError
from tap_cc_clicks.api.pacing import RequestGate


def test_requests_are_spaced_evenly_however_many_threads_ask() -> None:
    """Never more than the rate in any second, not even at the start."""
    gate = RequestGate(50)
    acquire, passed = gate._limiter.try_acquire, []

    def acquire_and_note() -> None:
        acquire()
        # By the limiter's own clock: a thread may be held up after its turn.
        passed.append(gate._bucket.items[-1].timestamp)

    with (
        mock.patch.object(gate._limiter, "try_acquire", acquire_and_note),
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(lambda _: gate.enter(), range(20)))
    pairs = itertools.pairwise(passed)
    assert all(later - sooner >= 20 for sooner, later in pairs)
    assert gate.requests == 20


def test_the_budget_counts_and_is_spent_for_all() -> None:
    """The request after the last raises, in every thread."""
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


def test_a_gate_that_was_shut_says_why() -> None:
    """The first reason counts."""
    gate = RequestGate(100_000)
    gate.shut(QuotaExceededError("quota"))
    gate.shut(BudgetSpentError("budget"))
    with pytest.raises(QuotaExceededError, match="quota"):
        gate.enter()
    assert gate.requests == 0


@pytest.mark.parametrize("rate", [0.001, 0.5, 4, 999, 100_000])
def test_any_rate_is_possible(rate: float) -> None:
    """From one request in a quarter of an hour to as many as can be."""
    RequestGate(rate).enter()


def test_each_request_is_counted_where_metrics_want_it() -> None:
    """But none that was not let through."""
    counted: list[int] = []
    gate = RequestGate(100_000, 2, lambda: counted.append(1))
    for _ in range(2):
        gate.enter()
    with pytest.raises(BudgetSpentError):
        gate.enter()
    assert len(counted) == gate.requests == 2

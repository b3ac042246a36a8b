"""Fetching ahead: in order, bounded, and gone when nobody reads."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from tap_cc_clicks.sync.readahead import RECORDS_AHEAD, ReadAhead

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ahead() -> Iterator[ReadAhead]:
    """Return four threads that end with the test."""
    made = ReadAhead(4, lambda: None)
    yield made
    made.close()


def slow(number: int) -> Iterator[int]:
    """Take longer for earlier jobs."""
    time.sleep(0.02 * (4 - number % 4))
    yield number


def test_answers_come_in_order(ahead: ReadAhead) -> None:
    """Whichever job is done first."""
    jobs = [ahead.submit(slow(number)) for number in range(12)]
    assert [next(iter(job)) for job in jobs] == list(range(12))


def test_an_error_surfaces_where_its_item_would_have_come(ahead: ReadAhead) -> None:
    """After the items before it, at the reader, through every stage."""

    def failing() -> Iterator[int]:
        yield 1
        message = "no"
        raise KeyError(message)

    items = iter(ahead.buffered(iter(ahead.submit(failing()))))
    assert next(items) == 1
    with pytest.raises(KeyError):
        next(items)


def test_memory_is_bounded_whatever_the_reader_does(ahead: ReadAhead) -> None:
    """All jobs together put aside what there is room for, and one page each."""
    page = [None] * 1000
    made = []

    def report() -> Iterator[list[None]]:
        for _ in range(40):
            made.append(len(page))
            yield page

    jobs = [ahead.submit(report()) for _ in range(3)]
    time.sleep(0.2)
    assert sum(made) <= RECORDS_AHEAD + 3 * len(page)
    # The first one goes on however much the others have put aside.
    for job in jobs:
        assert len(list(job)) == 40


def test_no_job_starts_after_the_reader_went_away() -> None:
    """A reader that stops early leaves no needless request behind."""
    started = []

    def job(number: int) -> Iterator[int]:
        started.append(number)
        time.sleep(0.05)
        yield number

    others = set(threading.enumerate())
    ahead = ReadAhead(2, lambda: None)
    jobs = [ahead.submit(job(number)) for number in range(20)]
    next(iter(jobs[0]))
    ahead.close()
    time.sleep(0.3)
    assert len(started) <= 4
    ours = set(threading.enumerate()) - others
    assert not [one for one in ours if "_work" in one.name]


def test_the_reader_has_a_heartbeat_while_it_waits() -> None:
    """What it raises ends the wait: a signal need not wait for an answer."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    ahead = ReadAhead(1, interrupt)
    job = ahead.submit(slow(0))
    with pytest.raises(KeyboardInterrupt):
        next(iter(job))
    ahead.close()

"""Fetching ahead: in order, bounded, and gone when nobody reads."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from tap_cc_clicks.readahead import ITEMS_AHEAD, ReadAhead

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


def test_a_job_waits_for_its_reader(ahead: ReadAhead) -> None:
    """Memory is bounded, however long a report is."""
    made = []

    def endless() -> Iterator[int]:
        for number in range(10_000):
            made.append(number)
            yield number

    job = ahead.submit(endless())
    assert next(iter(job)) == 0
    time.sleep(0.1)
    assert len(made) <= ITEMS_AHEAD + 3


def test_no_job_starts_after_the_reader_went_away() -> None:
    """A reader that stops early leaves no needless request behind."""
    started = []

    def job(number: int) -> Iterator[int]:
        started.append(number)
        time.sleep(0.05)
        yield number

    ahead = ReadAhead(2, lambda: None)
    jobs = [ahead.submit(job(number)) for number in range(20)]
    next(iter(jobs[0]))
    ahead.close()
    time.sleep(0.3)
    assert len(started) <= 4
    assert not [one for one in threading.enumerate() if "_work" in one.name]


def test_the_reader_has_a_heartbeat_while_it_waits() -> None:
    """What it raises ends the wait: a signal need not wait for an answer."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    ahead = ReadAhead(1, interrupt)
    job = ahead.submit(slow(0))
    with pytest.raises(KeyboardInterrupt):
        next(iter(job))
    ahead.close()

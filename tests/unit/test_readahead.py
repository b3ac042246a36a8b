"""Reading ahead is ordered, bounded and ends with its reader."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tap_cc_clicks.api.response_body import received
from tap_cc_clicks.sync.readahead import RECORDS_AHEAD, ReadAhead
from tests.support import HANGS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ahead() -> Iterator[ReadAhead]:
    """Return four threads that end with the test."""
    made = ReadAhead(4, lambda: None)
    yield made
    made.close()


def after(done: threading.Event, number: int) -> Iterator[int]:
    """Yield a number after another job is done."""
    done.wait(HANGS)
    yield number


def first(done: threading.Event, number: int) -> Iterator[int]:
    """Yield a number, then let the waiting jobs continue."""
    yield number
    done.set()


def test_results_come_in_order(ahead: ReadAhead) -> None:
    """Of each four jobs, the last one finishes first."""
    jobs = []
    for number in range(0, 12, 4):
        done = threading.Event()
        jobs += [ahead.submit(after(done, number + place)) for place in range(3)]
        jobs.append(ahead.submit(first(done, number + 3)))
    assert [next(iter(job)) for job in jobs] == list(range(12))


def test_an_error_is_raised_in_place_of_its_item(ahead: ReadAhead) -> None:
    """The reader gets the items before it first, through every stage."""

    def failing() -> Iterator[int]:
        yield 1
        message = "no"
        raise KeyError(message)

    items = iter(ahead.buffered(iter(ahead.submit(failing()))))
    assert next(items) == 1
    with pytest.raises(KeyError):
        next(items)


@pytest.mark.parametrize(("records", "size"), [(1000, 0), (1, 1_000_000)])
def test_memory_is_bounded_without_a_reader(
    ahead: ReadAhead, monkeypatch: pytest.MonkeyPatch, records: int, size: int
) -> None:
    """Jobs fill the shared room and hold one page each, large or long."""
    page = [None] * records
    made: list[int] = []
    settled, waiting = threading.Event(), set()
    wait = ahead.room._changed.wait

    def note(seconds: float) -> bool:
        waiting.add(threading.get_ident())
        if len(waiting) == 3:
            settled.set()
        return wait(seconds)

    def report() -> Iterator[list[None]]:
        for _ in range(40):
            made.append(1000)
            received.size += size
            yield page
        settled.set()

    monkeypatch.setattr(ahead.room._changed, "wait", note)
    jobs = [ahead.submit(report()) for _ in range(3)]
    assert settled.wait(HANGS)
    assert sum(made) <= RECORDS_AHEAD + 3 * 1000
    # The first job continues even if the others have filled the room.
    for job in jobs:
        assert len(list(job)) == 40


def test_no_job_starts_after_the_reader_stops() -> None:
    """A reader that stops early causes no further requests."""
    started, gone = [], threading.Event()

    def job(number: int) -> Iterator[int]:
        started.append(number)
        yield number
        gone.wait(HANGS)

    others = set(threading.enumerate())
    ahead = ReadAhead(2, lambda: None)
    jobs = [ahead.submit(job(number)) for number in range(20)]
    next(iter(jobs[0]))
    ahead.close()
    gone.set()
    for thread in set(threading.enumerate()) - others:
        thread.join(HANGS)
        assert not thread.is_alive()
    assert len(started) <= 2


def test_the_reader_has_a_heartbeat_while_it_waits() -> None:
    """An error it raises ends the wait, so signals are handled immediately."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    done = threading.Event()
    ahead = ReadAhead(1, interrupt)
    job = ahead.submit(after(done, 0))
    with pytest.raises(KeyboardInterrupt):
        next(iter(job))
    ahead.close()
    done.set()

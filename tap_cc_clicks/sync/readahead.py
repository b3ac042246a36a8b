"""Fetching ahead of the reader: threads that only fetch, bounded and in order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from tap_cc_clicks.api.response_body import received

T = TypeVar("T")

# All jobs together put so many records aside before they wait for their reader: what
# keeps the threads busy while the reader follows one long report.
RECORDS_AHEAD = 20_000
# A larger record takes the room of several.
BYTES_OF_A_RECORD = 1_000
POLL_SECONDS = 0.2


class ClosedError(BaseException):
    """The reader went away; nothing more is to be fetched."""


class _End:
    """Closes a queue: the items are over, or an error took their place."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Room:
    """Where records are put aside: all jobs share it."""

    def __init__(self) -> None:
        self.closed = False
        self._used = 0
        self._changed = threading.Condition()

    def enter(self, size: int, job: Job[Any]) -> None:
        """Put records aside once there is room; at once if the reader waits for them.

        Raises:
            ClosedError: The reader went away.
        """
        with self._changed:
            while self._used + size > RECORDS_AHEAD and not job.wanted:
                if self.closed:
                    raise ClosedError
                self._changed.wait(POLL_SECONDS)
            self._used += size

    def leave(self, size: int) -> None:
        """Note that records were read."""
        with self._changed:
            self._used -= size
            self._changed.notify()

    def look_again(self) -> None:
        """Let all who wait see what has changed."""
        with self._changed:
            self._changed.notify_all()


class Job(Generic[T]):
    """Items made by a thread, handed to their reader in order.

    An error is raised where the item that it prevented would have come.

    Attributes:
        wanted: Whether the reader waits for an item of this job.
    """

    def __init__(self, owner: ReadAhead, items: Iterable[T], size: int = 0) -> None:
        self.wanted = False
        self._owner = owner
        self._items = items
        self._queue: queue.Queue[tuple[T | _End, int]] = queue.Queue(size)

    def fill(self) -> None:
        """Put the items aside until they are over, in the calling thread."""
        end = _End()
        try:
            try:
                before = received.size
                for item in self._items:
                    self._put(item, _weight(item, received.size - before))
                    before = received.size
            except Exception as error:  # noqa: BLE001 - raised again at the reader
                end = _End(error)
            self._put(end)
        except ClosedError:
            return

    def _put(self, item: T | _End, weight: int = 0) -> None:
        self._owner.room.enter(weight, self)
        while not self._owner.room.closed:
            try:
                return self._queue.put((item, weight), timeout=POLL_SECONDS)
            except queue.Full:
                continue
        raise ClosedError

    @property
    def waiting(self) -> bool:
        """Whether the reader would have to wait now."""
        return self._queue.empty()

    def __iter__(self) -> Iterator[T]:
        """Yield the items, waiting for each."""
        while not isinstance(item := self._get(), _End):
            yield item
        if item.error:
            raise item.error

    def _get(self) -> T | _End:
        if self.waiting:
            self.wanted = True
            self._owner.room.look_again()
        while True:
            self._owner.heartbeat()
            try:
                item, weight = self._queue.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if self._owner.room.closed:
                    raise ClosedError from None
                continue
            self.wanted = False
            self._owner.room.leave(weight)
            return item


def _weight(item: object, size: int) -> int:
    """Return how much room an item takes that was made of so many bytes."""
    if not isinstance(item, list):
        return 0
    return max(len(item), size // BYTES_OF_A_RECORD)


class ReadAhead:
    """A few threads that fetch what will be read next.

    Args:
        threads: How many jobs run at once (``concurrency``).
        heartbeat: Called often in the thread that made this, while it waits for items;
            what it raises is raised there.
    """

    def __init__(self, threads: int, heartbeat: Callable[[], None]) -> None:
        self.room = Room()
        self._unstarted = threads
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Job[Any]] = queue.SimpleQueue()
        self._heartbeat = heartbeat
        self._reader = threading.current_thread()

    def submit(self, items: Iterable[T]) -> Job[T]:
        """Let one of the threads make these items, when one is free."""
        ahead = Job(self, items)
        self._jobs.put(ahead)
        with self._lock:
            if self._unstarted:
                self._unstarted -= 1
                _start(self._work)
        return ahead

    def buffered(self, items: Iterable[T], size: int = 0) -> Job[T]:
        """Make these items in a thread of their own.

        For items that themselves wait for jobs: they must not hold a worker.

        Args:
            items: What to make.
            size: How many of them may wait for the reader; 0 for all there are.
        """
        ahead = Job(self, items, size)
        _start(ahead.fill)
        return ahead

    def heartbeat(self) -> None:
        """Give the reader's thread its heartbeat."""
        if threading.current_thread() is self._reader:
            self._heartbeat()

    def close(self) -> None:
        """Let the threads end without starting anything else."""
        self.room.closed = True
        self.room.look_again()

    def _work(self) -> None:
        while not self.room.closed:
            try:
                job = self._jobs.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            job.fill()


def read_ahead(items: Iterable[T], heartbeat: Callable[[], None]) -> Iterator[T]:
    """Yield items that a thread makes, with a heartbeat while they are waited for."""
    ahead = ReadAhead(1, heartbeat)
    try:
        yield from ahead.buffered(items)
    finally:
        ahead.close()


def _start(target: Callable[[], None]) -> None:
    # Daemons: an interrupted run does not wait for answers that nobody will read.
    threading.Thread(target=target, daemon=True).start()

"""Reading ahead: threads that only fetch, bounded and in order."""

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
    """The reader is gone; nothing more is fetched."""


class _End:
    """Ends a queue, possibly with an error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Room:
    """The buffer limit that all jobs share."""

    def __init__(self) -> None:
        self.closed = False
        self._used = 0
        self._changed = threading.Condition()

    def enter(self, size: int, job: Job[Any]) -> None:
        """Take space for records once there is some; at once if the reader waits.

        Raises:
            ClosedError: The reader is gone.
        """
        with self._changed:
            while self._used + size > RECORDS_AHEAD and not job.wanted:
                if self.closed:
                    raise ClosedError
                self._changed.wait(POLL_SECONDS)
            self._used += size

    def leave(self, size: int) -> None:
        with self._changed:
            self._used -= size
            self._changed.notify()

    def look_again(self) -> None:
        """Wake all waiting threads."""
        with self._changed:
            self._changed.notify_all()


class Job(Generic[T]):
    """Items made by a thread, handed to the reader in order.

    An error is raised in place of the item that failed.

    Attributes:
        wanted: Whether the reader waits for an item of this job.
    """

    def __init__(self, owner: ReadAhead, items: Iterable[T], size: int = 0) -> None:
        self.wanted = False
        self._owner = owner
        self._items = items
        self._queue: queue.Queue[tuple[T | _End, int]] = queue.Queue(size)

    def fill(self) -> None:
        """Make the items, in the calling thread."""
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
        """Whether the reader would have to wait."""
        return self._queue.empty()

    def __iter__(self) -> Iterator[T]:
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
    """Return the space that an item takes, by its records and bytes."""
    if not isinstance(item, list):
        return 0
    return max(len(item), size // BYTES_OF_A_RECORD)


class ReadAhead:
    """A few threads that fetch ahead of the reader.

    Args:
        threads: How many jobs run at once (``concurrency``).
        heartbeat: Called often in the reader's thread while it waits; what it raises is
            raised there.
    """

    def __init__(self, threads: int, heartbeat: Callable[[], None]) -> None:
        self.room = Room()
        self._unstarted = threads
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Job[Any]] = queue.SimpleQueue()
        self._heartbeat = heartbeat
        self._reader = threading.current_thread()

    def submit(self, items: Iterable[T]) -> Job[T]:
        """Make these items in one of the threads."""
        ahead = Job(self, items)
        self._jobs.put(ahead)
        with self._lock:
            if self._unstarted:
                self._unstarted -= 1
                _start(self._work)
        return ahead

    def buffered(self, items: Iterable[T], size: int = 0) -> Job[T]:
        """Make these items in a new thread.

        For items that wait for jobs themselves, and must not occupy a worker.

        Args:
            size: How many of them may wait for the reader; 0 for no limit.
        """
        ahead = Job(self, items, size)
        _start(ahead.fill)
        return ahead

    def heartbeat(self) -> None:
        """Call the heartbeat in the reader's thread."""
        if threading.current_thread() is self._reader:
            self._heartbeat()

    def close(self) -> None:
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
    """Yield items that a thread makes, with a heartbeat while waiting."""
    ahead = ReadAhead(1, heartbeat)
    try:
        yield from ahead.buffered(items)
    finally:
        ahead.close()


def _start(target: Callable[[], None]) -> None:
    # Daemons: an interrupted run does not wait for answers that nobody will read.
    threading.Thread(target=target, daemon=True).start()

"""Fetching ahead of the reader: threads that only fetch, bounded and in order."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

# A job that has put so many items aside waits for its reader.
ITEMS_AHEAD = 2
POLL_SECONDS = 0.2


class ClosedError(BaseException):
    """The reader went away; nothing more is to be fetched."""


class _End:
    """Closes a queue: the items are over, or an error took their place."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Ahead(Generic[T]):
    """Items made by a thread, handed to their reader in order.

    An error is raised where the item that it prevented would have come.
    """

    def __init__(self, owner: ReadAhead, items: Iterable[T], size: int) -> None:
        """Wait to be filled from ``items``."""
        self._owner = owner
        self._items = items
        self._queue: queue.Queue[T | _End] = queue.Queue(size)

    def fill(self) -> None:
        """Put the items aside until they are over, in the calling thread."""
        end = _End()
        try:
            try:
                for item in self._items:
                    self._put(item)
            except Exception as error:  # noqa: BLE001 - raised again at the reader
                end = _End(error)
            self._put(end)
        except ClosedError:
            return

    def _put(self, item: T | _End) -> None:
        while not self._owner.closed:
            try:
                return self._queue.put(item, timeout=POLL_SECONDS)
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
        while True:
            self._owner.beat()
            try:
                return self._queue.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if self._owner.closed:
                    raise ClosedError from None


class ReadAhead:
    """A few threads that fetch what will be read next.

    Args:
        threads: How many jobs run at once (``concurrency``).
        heartbeat: Called often in the thread that made this, while it waits for items;
            what it raises is raised there.
    """

    def __init__(self, threads: int, heartbeat: Callable[[], None]) -> None:
        """Start no thread yet."""
        self.window = 2 * threads
        self.closed = False
        self._unstarted = threads
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Ahead[Any]] = queue.SimpleQueue()
        self._heartbeat = heartbeat
        self._reader = threading.current_thread()

    def submit(self, items: Iterable[T]) -> Ahead[T]:
        """Let one of the threads make these items, when one is free."""
        ahead = Ahead(self, items, ITEMS_AHEAD)
        self._jobs.put(ahead)
        with self._lock:
            if self._unstarted:
                self._unstarted -= 1
                _start(self._work)
        return ahead

    def buffered(self, items: Iterable[T], *, bounded: bool = True) -> Ahead[T]:
        """Make these items in a thread of their own, a window ahead of the reader.

        For items that themselves wait for jobs: they must not hold a worker.

        Args:
            items: What to make.
            bounded: Whether to stay within the window; if not, all may be held at once.
        """
        ahead = Ahead(self, items, self.window if bounded else 0)
        _start(ahead.fill)
        return ahead

    def beat(self) -> None:
        """Give the reader's thread its heartbeat."""
        if threading.current_thread() is self._reader:
            self._heartbeat()

    def close(self) -> None:
        """Let the threads end without starting anything else."""
        self.closed = True

    def _work(self) -> None:
        while not self.closed:
            try:
                job = self._jobs.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            job.fill()


def _start(target: Callable[[], None]) -> None:
    # Daemons: an interrupted run does not wait for answers that nobody will read.
    threading.Thread(target=target, daemon=True).start()

"""Reading the body of an answer, within bounds of size and time."""

from __future__ import annotations

import socket
import threading
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.exceptions import ContentDecodingError
from singer_sdk.exceptions import FatalAPIError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    import requests

# What a client that reads bodies by read_body has to ask for.
ACCEPT_ENCODING = "gzip"
# A page of 500 clicks has a fifth of a megabyte.
CHUNK_BYTES = 1 << 18
LARGEST_BODY_BYTES = 1 << 25
# The time-out of a request is about the pause between two bytes: a body could trickle
# in for ever.
LONGEST_BODY_SECONDS = 300
EITHER_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


def read_body(response: requests.Response) -> None:
    """Read the body of a response that was opened as a stream.

    Raises:
        FatalAPIError: It is larger than any answer of the API.
        RequestException: It broke off, took too long, or cannot be unpacked.
    """
    body = bytearray()
    # Taken away, so that urllib3 leaves the unpacking to us: it may unpack a chunk as a
    # whole, however large it becomes.
    encoding = response.raw.headers.pop("Content-Encoding", "identity").lower()
    with _time_limit(response):
        for piece in _unpacked(response.iter_content(CHUNK_BYTES), encoding):
            body += piece
            if len(body) > LARGEST_BODY_BYTES:
                response.close()
                path = urlsplit(response.url).path
                message = f"The answer of {path} is larger than any page of the API"
                raise FatalAPIError(message)
    # What Response.content fills in when it is first asked for.
    response._content = bytes(body)  # noqa: SLF001


def _unpacked(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield a body in pieces of bounded size."""
    if encoding == "identity":
        yield from chunks
        return
    if encoding != ACCEPT_ENCODING:
        message = "It is packed in a way that was not asked for"
        raise ContentDecodingError(message)
    unpacker = zlib.decompressobj(EITHER_GZIP_OR_ZLIB)
    try:
        for chunk in chunks:
            left = chunk
            while left:
                yield unpacker.decompress(left, CHUNK_BYTES)
                left = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error as error:
        raise ContentDecodingError(error) from None


@contextmanager
def _time_limit(response: requests.Response) -> Generator[None]:
    """End the connection if its answer takes too long."""
    timer = threading.Timer(LONGEST_BODY_SECONDS, _hang_up, [response])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(response: requests.Response) -> None:
    # The response may be over by now. Its thread waits within the socket: only a
    # shutdown wakes it.
    with (
        suppress(AttributeError, OSError, ValueError),
        socket.fromfd(
            response.raw.fileno(), socket.AF_INET, socket.SOCK_STREAM
        ) as connection,
    ):
        connection.shutdown(socket.SHUT_RDWR)

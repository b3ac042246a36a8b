"""Reading a response body, within limits of size and time."""

from __future__ import annotations

import threading
import time

import requests
from urllib3 import HTTPResponse
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from tap_cc_clicks.api.errors import TooLargeError
from tap_cc_clicks.api.urls import path_of

# What urllib3 decompresses in pieces, without extra packages.
ACCEPT_ENCODING = "gzip"
CHUNK_BYTES = 1 << 16
# A page of 500 clicks has 0.2 MB; with links of 8 KB each, 4.5 MB.
LARGEST_BODY_BYTES = 5_000_000
# The timeout of a request limits the pause between two bytes, not the whole.
LONGEST_BODY_SECONDS = 300


class _Received(threading.local):
    """How many body bytes each thread has read."""

    size = 0


received = _Received()


def read_body(response: requests.Response) -> bytes:
    """Read the body of a streamed response.

    Raises:
        TooLargeError: It is larger than any page of the API.
        RequestException: It broke off, took too long, or cannot be decompressed.
    """
    try:
        return _read(response.raw, path_of(response.url))
    except ReadTimeoutError as error:
        raise requests.exceptions.ReadTimeout(error) from None
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from None
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from None
    except BaseException:
        response.close()
        raise


def _read(raw: HTTPResponse, path: str) -> bytes:
    deadline = time.monotonic() + LONGEST_BODY_SECONDS
    body = bytearray()
    # read1 returns what has arrived, so a slow response still meets the deadline.
    while piece := raw.read1(CHUNK_BYTES, decode_content=True):
        body += piece
        if len(body) > LARGEST_BODY_BYTES:
            message = f"The response of {path} is larger than any page of the API"
            raise TooLargeError(message)
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout
    received.size += len(body)
    return bytes(body)

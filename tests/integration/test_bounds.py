"""Limits on the time and memory that a broken or hostile server can cost."""

from __future__ import annotations

import gzip
import io
import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import requests
from singer_sdk.exceptions import FatalAPIError, FatalSyncError
from starlette.middleware.gzip import GZipMiddleware
from urllib3 import HTTPResponse

from tap_cc_clicks.api import response_body
from tap_cc_clicks.sandbox import Fault
from tests.support import clicks, rows, run_tap

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from tap_cc_clicks.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("no_waiting")
MEGABYTE = 1 << 20


def test_a_trickling_body_is_cut_off(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes arrive often enough to avoid every timeout, but never all of them."""
    monkeypatch.setattr(response_body, "LONGEST_BODY_SECONDS", 0)
    sandbox.faults.rules.append(Fault("drip", match="/emails$"))
    with pytest.raises(FatalSyncError, match="Gave up on /v3/emails after 8 tries"):
        run_tap(sandbox, access_token=sandbox.tokens.issue(), refresh_token=None)


def test_a_trickling_token_response_is_cut_off(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is not repeated: the refresh token may have been used up."""
    monkeypatch.setattr(response_body, "LONGEST_BODY_SECONDS", 0)
    sandbox.faults.rules.append(Fault("drip", match="/token"))
    with pytest.raises(FatalSyncError, match="may have been used up"):
        run_tap(sandbox)
    assert sandbox.tokens.renewals == 1


@pytest.mark.parametrize("match", ["/emails$", "/token"])
def test_a_decompression_bomb_is_refused(sandbox: Sandbox, match: str) -> None:
    """128 MB of spaces, compressed to 128 KB, are refused before they fill memory."""
    sandbox.faults.rules.append(Fault("bomb", match=match))
    tracemalloc.start()
    try:
        with pytest.raises((FatalAPIError, FatalSyncError), match="larger than any"):
            run_tap(sandbox)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 110 * MEGABYTE


def test_gzipped_responses_are_read(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's gateway compresses its responses."""
    packed: list[str] = []

    async def packing(scope: Scope, receive: Receive, send: Send) -> None:
        async def watching(message: Message) -> None:
            headers = dict(message.get("headers", ()))
            packed.extend(headers.get(b"content-encoding", b"").decode().split())
            await send(message)

        await middleware(scope, receive, watching)

    middleware = GZipMiddleware(sandbox._app, minimum_size=1)
    monkeypatch.setattr(sandbox, "_app", packing)
    output = run_tap(sandbox)
    assert rows(clicks(output).values()) == rows(sandbox.account.rows())
    assert set(packed) == {"gzip"}


def decompressed(body: bytes, encoding: str = "gzip") -> bytes:
    """Read a body as if a server had sent it."""
    response = requests.Response()
    headers = {"Content-Encoding": encoding}
    response.raw = HTTPResponse(io.BytesIO(body), headers, preload_content=False)
    return response_body.read_body(response)


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_a_gzipped_body_is_decompressed_completely(size: int) -> None:
    """The body may span any number of chunks."""
    body = random.Random(1).randbytes(size // 2) + bytes(size - size // 2)
    assert decompressed(gzip.compress(body)) == body


def test_a_body_that_cannot_be_decompressed_can_be_retried() -> None:
    """It is treated like a response that breaks off."""
    with pytest.raises(requests.exceptions.ContentDecodingError):
        decompressed(b"not packed")
    with pytest.raises(requests.exceptions.ContentDecodingError):
        decompressed(gzip.compress(b"{}"), "gzip, gzip")

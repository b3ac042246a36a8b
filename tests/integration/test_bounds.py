"""What a broken or hostile server cannot do: exhaust the memory, or hold a run up."""

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


def test_a_body_that_trickles_in_is_cut_off(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes come often enough for every time-out, and never all of them."""
    monkeypatch.setattr(response_body, "LONGEST_BODY_SECONDS", 0)
    sandbox.faults.rules.append(Fault("drip", match="/emails$"))
    with pytest.raises(FatalSyncError, match="Gave up on /v3/emails after 8 tries"):
        run_tap(sandbox, access_token=sandbox.tokens.issue(), refresh_token=None)


def test_a_token_that_trickles_in_is_cut_off(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not asked for again: it may have been given out."""
    monkeypatch.setattr(response_body, "LONGEST_BODY_SECONDS", 0)
    sandbox.faults.rules.append(Fault("drip", match="/token"))
    with pytest.raises(FatalSyncError, match="may have been used up"):
        run_tap(sandbox)
    assert sandbox.tokens.renewals == 1


@pytest.mark.parametrize("match", ["/emails$", "/token"])
def test_a_body_that_unpacks_into_a_giant_is_not_unpacked(
    sandbox: Sandbox, match: str
) -> None:
    """128 MB of spaces, packed into 128 KB: it is refused before it fills memory."""
    sandbox.faults.rules.append(Fault("bomb", match=match))
    tracemalloc.start()
    try:
        with pytest.raises((FatalAPIError, FatalSyncError), match="larger than any"):
            run_tap(sandbox)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 110 * MEGABYTE


def test_packed_bodies_are_read(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the service's gateway sends them."""
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


def unpacked(body: bytes, encoding: str = "gzip") -> bytes:
    """Read a body as if it had come from a server."""
    response = requests.Response()
    headers = {"Content-Encoding": encoding}
    response.raw = HTTPResponse(io.BytesIO(body), headers, preload_content=False)
    return response_body.read_body(response)


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_a_packed_body_comes_out_whole(size: int) -> None:
    """In however many pieces."""
    body = random.Random(1).randbytes(size // 2) + bytes(size - size // 2)
    assert unpacked(gzip.compress(body)) == body


def test_a_body_that_cannot_be_unpacked_is_worth_another_try() -> None:
    """It is an error of a connection, as are those that break off."""
    with pytest.raises(requests.exceptions.ContentDecodingError):
        unpacked(b"not packed")
    with pytest.raises(requests.exceptions.ContentDecodingError):
        unpacked(gzip.compress(b"{}"), "gzip, gzip")

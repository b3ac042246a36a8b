"""The HTTP server: the API with limits, faults, tokens and a request log."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from tap_cc_clicks.sandbox.api import Api, Reply, answer, error
from tap_cc_clicks.sandbox.dialects import DIALECTS, LAG, LAGGING, spoken
from tap_cc_clicks.sandbox.faults import FOREIGN, REFUSING, Fault, Faults
from tap_cc_clicks.sandbox.limits import Limits
from tap_cc_clicks.sandbox.oauth import ACTIVATE_PAGE, Tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from tap_cc_clicks.sandbox.account import Account
    from tap_cc_clicks.sandbox.replay import Recording

UNAUTHORIZED = answer(
    {"error_key": "unauthorized", "error_message": "Unauthorized"}, 401
)
OAUTH = "/oauth2/default/v1"
GZIP = b"\x1f\x8b"
DRIPS = 20
MEGABYTE = 1 << 20
BOMB_MEGABYTES = 128
MORE_HEADERS_THAN_CLIENTS_READ = 120


@dataclass
class Log:
    """All requests answered, as endpoint and status."""

    entries: list[tuple[str, int]] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """Return the number of requests by endpoint."""
        return Counter(endpoint for endpoint, _ in self.entries)

    def statuses(self) -> Counter[int]:
        """Return the number of responses by status."""
        return Counter(status for _, status in self.entries)

    def clear(self) -> None:
        self.entries.clear()


@dataclass
class Server:
    """An account with its API, tokens and faults.

    Attributes:
        latency: Delay of every response in seconds, or its range.
        dialect: Response format, one of ``DIALECTS``.
        like: A recording whose response format to imitate.
        on_request: Called with the endpoint's name before each response; tests add
            clicks in it.
    """

    account: Account
    keyset: bool = False
    dialect: str = "reference"
    like: Recording | None = None
    latency: float | tuple[float, float] = 0.0
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    tokens: Tokens = field(default_factory=Tokens)
    log: Log = field(default_factory=Log)
    on_request: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        if self.dialect not in DIALECTS:
            message = f"There is no dialect {self.dialect}: one of {sorted(DIALECTS)}"
            raise ValueError(message)
        if self.dialect == LAGGING:
            self.account.stats_lag = LAG
        self.api = Api(self.account, keyset=self.keyset)
        self._random = random.Random(7)  # noqa: S311 - simulated latency
        self._links_given = 0

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the API and of the authorization server."""
        return [
            Route("/v3/{path:path}", self._serve),
            Route(f"{OAUTH}/token", self._token, methods=["POST"]),
            Route(f"{OAUTH}/device/authorize", self._device, methods=["POST"]),
            Route(f"{OAUTH}/authorize", self._authorize),
            Route("/activate", lambda _: HTMLResponse(ACTIVATE_PAGE)),
        ]

    async def _serve(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/v3")
        name, handler = self.api.endpoint(path)
        handler = spoken(DIALECTS[self.dialect], name, handler)
        if self.like:
            handler = self.like.spoken(name, handler)
        if self.on_request:
            self.on_request(name)
        refused = self._refusal(request)
        await self._wait()
        reply = refused or handler(request.query_params)
        fault = None if refused else self.faults.find(path, request.url.query)
        self.log.entries.append((name, fault.status if fault else reply.status))
        if fault:
            return await self._faulty(fault, reply, request)
        return Response(reply.body, reply.status, media_type="application/json")

    def _refusal(self, request: Request) -> Reply | None:
        if key := self.limits.refusal():
            return answer({"error_key": key, "error_message": "Sandbox limit"}, 429)
        if not self.tokens.is_valid(request.headers.get("authorization", "")):
            return UNAUTHORIZED
        if "campaign_data" not in self.tokens.scope.split():
            return error(403, "forbidden")
        return None

    async def _wait(self) -> None:
        latency = self.latency
        if isinstance(latency, tuple):
            latency = self._random.uniform(*latency)
        if latency:
            await asyncio.sleep(latency)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        fault = self.faults.find("/token")
        if fault and fault.kind in REFUSING:
            return await self._faulty(fault, answer({}), request)
        status, body = self.tokens.grant(form, request.headers.get("authorization", ""))
        if fault:
            return await self._faulty(fault, answer(body, status), request)
        return JSONResponse(body, status)

    async def _device(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        fault = self.faults.find("/device/authorize")
        if fault:
            return await self._faulty(fault, answer({}), request)
        if not self.tokens.knows(form, request.headers.get("authorization", "")):
            return JSONResponse({"error": "invalid_client"}, 401)
        url = str(request.base_url).rstrip("/")
        return JSONResponse(self.tokens.sign_ins.device(url))

    async def _authorize(self, request: Request) -> Response:
        # Do not redirect the browser for an unknown client.
        if not self.tokens.knows(request.query_params):
            return JSONResponse({"error": "invalid_client"}, 400)
        return RedirectResponse(self.tokens.sign_ins.browser(request.query_params), 302)

    async def _faulty(self, fault: Fault, reply: Reply, request: Request) -> Response:
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return Response(reply.body, reply.status, media_type="application/json")
        if fault.kind == "drip":
            return _dripping(reply, fault.seconds)
        if fault.kind in {"reset", "lost_answer"}:
            return _hang_up(request)
        if fault.kind == "half_close":
            return await _half_close(request)
        if fault.kind == "truncate":
            half = reply.body[: len(reply.body) // 2]
            return Response(half, headers={"content-length": str(len(reply.body))})
        if fault.kind == "new_next":
            self._links_given += 1
        return self._replaced(fault, reply, str(request.url.path))

    def _replaced(self, fault: Fault, reply: Reply, path: str) -> Response:
        if fault.kind == "redirect":
            return Response(status_code=302, headers={"location": FOREIGN})
        if fault.kind == "not_json":
            return Response("<html>Bad gateway</html>", media_type="text/html")
        if fault.kind == "status":
            return _status(fault)
        if fault.kind in {"bomb", "body"}:
            return _given(_bomb() if fault.kind == "bomb" else fault.content)
        if fault.kind == "many_headers":
            names = [f"x-{n}" for n in range(MORE_HEADERS_THAN_CLIENTS_READ)]
            return Response(reply.body, headers=dict.fromkeys(names, "more"))
        return Response(self._distorted(fault, reply.body, path))

    def _distorted(self, fault: Fault, content: bytes, path: str) -> bytes:
        body: Any = msgspec.json.decode(content)
        if fault.kind == "wrong_shape":
            return msgspec.json.encode([body])
        if fault.kind in {"foreign_next", "next_link"}:
            body["_links"] = {"next": {"href": fault.href}}
        if fault.kind == "endless_next":
            body["_links"] = {"next": {"href": f"{path}?limit=500&cursor=MA=="}}
        if fault.kind == "new_next":
            # A different encoding of offset 0 every time.
            cursor = base64.urlsafe_b64encode(b"0" * self._links_given).decode()
            body["_links"] = {"next": {"href": f"{path}?limit=500&cursor={cursor}"}}
        if fault.kind == "bad_row":
            rows = next(value for value in body.values() if isinstance(value, list))
            for row in rows[-1:]:
                row.pop(fault.field, None)
        return msgspec.json.encode(body)


def _bomb() -> bytes:
    """Return a small gzip body that decompresses to ``BOMB_MEGABYTES``."""
    with io.BytesIO() as packed:
        with gzip.GzipFile(fileobj=packed, mode="wb") as packer:
            for _ in range(BOMB_MEGABYTES):
                packer.write(b" " * MEGABYTE)
        return packed.getvalue()


def _given(content: bytes) -> Response:
    """Return a response with the given body, compressed or not."""
    packed = content.startswith(GZIP)
    return Response(content, headers={"content-encoding": "gzip"} if packed else {})


def _hang_up(request: Request) -> Response:
    """Reset the connection; the returned response is not sent."""
    request.scope["hang_up"]()
    return Response()


async def _half_close(request: Request) -> Response:
    """Half-close the connection without a response and wait for the client to close."""
    request.scope["say_no_more"]()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


def _dripping(reply: Reply, seconds: float) -> Response:
    """Return a response that is sent in small chunks."""

    async def drops() -> AsyncIterator[bytes]:
        size = 1 + len(reply.body) // DRIPS
        for start in range(0, len(reply.body), size):
            await asyncio.sleep(seconds / DRIPS)
            yield reply.body[start : start + size]

    headers = {"content-length": str(len(reply.body))}
    return StreamingResponse(drops(), reply.status, headers)


def _status(fault: Fault) -> Response:
    if isinstance(fault.body, str):
        return Response(fault.body, fault.status, media_type="text/html")
    return JSONResponse(fault.body, fault.status)

"""HTTP endpoints below ``/_sandbox`` that control a simulator in another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from tap_cc_clicks.sandbox.faults import Fault

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from tap_cc_clicks.sandbox.server import Server


def routes(server: Server) -> list[BaseRoute]:
    """Return the control routes of a server."""

    async def clicks(request: Request) -> JSONResponse:
        """GET returns all clicks; POST ``{"number": 10}`` adds some."""
        if request.method == "POST":
            server.account.add_clicks((await request.json())["number"])
        return JSONResponse(server.account.rows())

    async def advance(request: Request) -> JSONResponse:
        """Advance the account's clock: ``{"hours": 3}``."""
        server.account.advance(**await request.json())
        return JSONResponse({"now": server.account.now.isoformat()})

    async def requests(request: Request) -> JSONResponse:
        """Return the number of requests by endpoint; DELETE also resets it."""
        counts = dict(server.log.counts())
        if request.method == "DELETE":
            server.log.clear()
        return JSONResponse(counts)

    async def faults(request: Request) -> JSONResponse:
        """Replace the active faults by the given list."""
        server.faults.rules[:] = [Fault(**fault) for fault in await request.json()]
        return JSONResponse({"faults": len(server.faults.rules)})

    return [
        Route("/_sandbox/clicks", clicks, methods=["GET", "POST"]),
        Route("/_sandbox/advance", advance, methods=["POST"]),
        Route("/_sandbox/requests", requests, methods=["GET", "DELETE"]),
        Route("/_sandbox/faults", faults, methods=["PUT"]),
    ]

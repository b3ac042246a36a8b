"""Run the server in a thread for the duration of a ``with`` block."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette

from tap_cc_clicks.sandbox import control
from tap_cc_clicks.sandbox.generate import generate
from tap_cc_clicks.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from tap_cc_clicks.sandbox.server import Server

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from starlette.types import Receive, Scope, Send

    from tap_cc_clicks.sandbox.account import Account

STOP_SECONDS = 10


class Sandbox(Server):
    """A server on a free loopback port.

    Args:
        account: The account; a generated one by default.
        port: The port, or 0 for a free one.
        options: See :class:`Server`.
    """

    def __init__(
        self, account: Account | None = None, *, port: int = 0, **options: Any
    ) -> None:
        """Bind the port, so that the URLs are known before the server starts."""
        super().__init__(account or generate(), **options)
        # With the protocol given, asyncio sets TCP_NODELAY.
        self.socket = socket.socket(
            socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
        )
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.socket.bind(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.api_url = f"{self.url}/v3"
        self.token_url = f"{self.url}/oauth2/default/v1/token"
        config = uvicorn.Config(
            self._asgi,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)
        self._app = Starlette(routes=[*self.routes(), *control.routes(self)])
        self._thread = threading.Thread(target=self.serve, daemon=True)

    @property
    def config(self) -> dict[str, Any]:
        """The tap's settings to read this account without throttling."""
        return {
            "api_url": self.api_url,
            "token_url": self.token_url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": self.tokens.refresh_token,
            "requests_per_second": 100_000,
        }

    @property
    def headers(self) -> dict[str, str]:
        """Headers with a new access token."""
        return {"Authorization": f"Bearer {self.tokens.issue()}"}

    async def _asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        # ASGI cannot drop a connection, but uvicorn's request cycle has its transport.
        cycle: Any = getattr(receive, "__self__", None)
        scope["hang_up"] = cycle.transport.abort
        scope["say_no_more"] = cycle.transport.write_eof
        await self._app(scope, receive, send)

    def serve(self) -> None:
        """Serve until ``stop`` is called or the process is interrupted."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        asyncio.run(self._served())

    async def _served(self) -> None:
        await self._server.serve(sockets=[self.socket])
        # Close connections with unfinished responses. Otherwise their sockets stay open
        # until garbage collection, which emits a ResourceWarning elsewhere.
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the server and wait until it has ended."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(STOP_SECONDS)
        self.socket.close()

"""Tokens: the endpoints of the authorization server."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SCOPES = "campaign_data offline_access"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - opens nothing
INVALID_GRANT = {
    "error": "invalid_grant",
    "error_description": "unknown, invalid, or expired refresh token",
}


@dataclass
class Tokens:
    """Which tokens are good.

    Attributes:
        rotating: Whether a refresh token is good for one use only.
        expires_in: How long access tokens live, in seconds.
        scope: What new access tokens may do.
        renewals: How many access tokens the token endpoint gave out.
        issued: How many there are in all.
    """

    rotating: bool = False
    expires_in: int = 86400
    scope: str = SCOPES
    renewals: int = 0
    issued: int = 0
    refresh_token: str = "sandbox-refresh-0"  # noqa: S105 - opens nothing
    access: dict[str, float] = field(default_factory=dict)

    def grant(
        self, form: Mapping[str, str], authorization: str
    ) -> tuple[int, dict[str, Any]]:
        """Answer a request to the token endpoint with a status and a body."""
        client = form.get("client_id")
        if authorization.startswith("Basic "):
            client, _, secret = (
                base64.b64decode(authorization.removeprefix("Basic "))
                .decode()
                .partition(":")
            )
            if secret != CLIENT_SECRET:
                client = None
        if client != CLIENT_ID:
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") != "refresh_token":
            return 400, {"error": "unsupported_grant_type"}
        if form.get("refresh_token") != self.refresh_token:
            return 400, INVALID_GRANT
        return 200, self.answer()

    def answer(self) -> dict[str, Any]:
        """Give out a new access token, and a new refresh token if they rotate."""
        self.renewals += 1
        if self.rotating:
            self.refresh_token = f"sandbox-refresh-{self.renewals}"
        return {
            "token_type": "Bearer",
            "access_token": self.issue(),
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
            "scope": self.scope,
        }

    def issue(self) -> str:
        """Make an access token, in the form of a JWT."""
        self.issued += 1
        ends = time.time() + self.expires_in
        claims = {"scp": self.scope.split(), "exp": int(ends), "n": self.issued}
        parts = [{"alg": "none", "typ": "JWT"}, claims]
        encoded = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in parts
        ]
        signature = hashlib.sha256(".".join(encoded).encode()).hexdigest()[:20]
        token = ".".join([*encoded, signature])
        self.access[token] = ends
        return token

    def expire_all(self) -> None:
        """End all access tokens."""
        self.access.clear()

    def is_good(self, authorization: str) -> bool:
        """Tell whether a request may pass."""
        token = authorization.removeprefix("Bearer ")
        return self.access.get(token, 0) > time.time()

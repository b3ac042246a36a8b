"""The authorization server: sign-in flows and tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

SCOPES = "campaign_data offline_access"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - simulated
USER_CODE = "SBOX-1234"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ACTIVATE_PAGE = (
    "<!doctype html><title>Sandbox</title><p>This is the sandbox of tap-cc-clicks: "
    "there is no real sign-in. The code is accepted automatically."
)


@dataclass
class SignIns:
    """Sign-ins with the device flow or in a browser.

    Attributes:
        outcome: The user's decision: ``approved``, ``access_denied`` or
            ``expired_token``.
        before: The errors returned to a device's first polls, in this order.
        interval: Polling interval for devices, in seconds.
        expires_in: Lifetime of a device code, in seconds.
        scope: The granted scopes.
        page: URL of the page to enter the code; the server's own if empty.
        issued: All device codes and authorization codes issued.
    """

    outcome: str = "approved"
    before: tuple[str, ...] = ("authorization_pending",)
    interval: float = 1
    expires_in: float = 600
    scope: str = SCOPES
    page: str = ""
    issued: list[str] = field(default_factory=list)
    devices: dict[str, list[str]] = field(default_factory=dict)
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)

    def device(self, url: str) -> dict[str, Any]:
        """Return the response of the device authorization endpoint."""
        code = self._code()
        self.devices[code] = list(self.before)
        page = self.page or f"{url}/activate"
        return {
            "device_code": code,
            "user_code": USER_CODE,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={USER_CODE}",
            "expires_in": self.expires_in,
            "interval": self.interval,
        }

    def _code(self) -> str:
        self.issued.append(secrets.token_urlsafe(24))
        return self.issued[-1]

    def poll(self, code: str) -> str | None:
        """Return the error for a device's poll, or None if it is authorized."""
        if code not in self.devices:
            return "invalid_grant"
        if self.devices[code]:
            return self.devices[code].pop(0)
        del self.devices[code]
        return None if self.outcome == "approved" else self.outcome

    def browser(self, query: Mapping[str, str]) -> str:
        """Return the URL that the browser is redirected to."""
        redirect_uri = query["redirect_uri"]
        answer = {"state": query.get("state", "")}
        if query.get("code_challenge_method") != "S256":
            answer["error"] = "invalid_request"
        elif self.outcome != "approved":
            answer["error"] = self.outcome
        else:
            answer["code"] = self._code()
            self.codes[answer["code"]] = (query["code_challenge"], redirect_uri)
        return f"{redirect_uri}?{urlencode(answer)}"

    def redeem(self, form: Mapping[str, str]) -> str | None:
        """Return the error for an authorization code, or None if it is valid."""
        challenge, redirect_uri = self.codes.pop(form.get("code", ""), ("", ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        valid = challenge == proof and redirect_uri == form.get("redirect_uri")
        return None if valid else "invalid_grant"


@dataclass
class Tokens:
    """The valid tokens.

    Attributes:
        rotating: Whether a refresh token is valid for one use only.
        expires_in: Lifetime of access tokens, in seconds.
        scope: Scopes of new access tokens.
        renewals: Number of access tokens issued by the token endpoint.
        issued: Number of all access tokens issued.
    """

    rotating: bool = False
    expires_in: int = 86400
    scope: str = SCOPES
    renewals: int = 0
    issued: int = 0
    refresh_token: str = "sandbox-refresh-0"  # noqa: S105 - simulated
    access: dict[str, float] = field(default_factory=dict)
    sign_ins: SignIns = field(default_factory=SignIns)

    def grant(
        self, form: Mapping[str, str], authorization: str
    ) -> tuple[int, dict[str, Any]]:
        """Return the token endpoint's response, as status and body."""
        if not self.knows(form, authorization):
            return 401, {"error": "invalid_client"}
        error = self._refusal(form)
        return (400, {"error": error}) if error else (200, self.answer())

    def knows(self, form: Mapping[str, str], authorization: str = "") -> bool:
        """Return whether a request identifies the simulator's client."""
        if not authorization.startswith("Basic "):
            return form.get("client_id") == CLIENT_ID
        encoded = authorization.removeprefix("Basic ")
        return base64.b64decode(encoded).decode() == f"{CLIENT_ID}:{CLIENT_SECRET}"

    def _refusal(self, form: Mapping[str, str]) -> str | None:
        kind = form.get("grant_type")
        if kind == "refresh_token":
            valid = form.get("refresh_token") == self.refresh_token
            return None if valid else "invalid_grant"
        if kind == DEVICE_GRANT:
            error = self.sign_ins.poll(form.get("device_code", ""))
        elif kind == "authorization_code":
            error = self.sign_ins.redeem(form)
        else:
            return "unsupported_grant_type"
        if error is None:
            self._sign_in()
        return error

    def _sign_in(self) -> None:
        self.scope = self.sign_ins.scope
        self.refresh_token = f"sandbox-refresh-{self.renewals + 1}"

    def answer(self) -> dict[str, Any]:
        """Return a new access token, and a new refresh token if they rotate."""
        self.renewals += 1
        if self.rotating:
            self.refresh_token = f"sandbox-refresh-{self.renewals}"
        answer = {
            "token_type": "Bearer",
            "access_token": self.issue(),
            "expires_in": self.expires_in,
            "scope": self.scope,
        }
        if "offline_access" in self.scope.split():
            answer["refresh_token"] = self.refresh_token
        return answer

    def issue(self) -> str:
        """Issue an access token in JWT format."""
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
        """Revoke all access tokens."""
        self.access.clear()

    def is_valid(self, authorization: str) -> bool:
        """Return whether a request has a valid access token."""
        token = authorization.removeprefix("Bearer ")
        return self.access.get(token, 0) > time.time()

"""Sign in with the OAuth device flow, or with an authorization code and PKCE.

Implements the vendor's pages "OAuth2 Device Flow" and "OAuth2 PKCE Flow", RFC 8628 and
RFC 7636. Tested against the simulator only, not against the service.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic, sleep, time
from typing import Any
from urllib.parse import urlencode

import requests
from singer_sdk.exceptions import SingerSDKError

from tap_cc_clicks.api.network import failure_reason
from tap_cc_clicks.api.text import is_token, printable
from tap_cc_clicks.api.token_endpoint import (
    Client,
    error_name,
    object_of,
    refusal,
    seconds,
    token_response,
)
from tap_cc_clicks.api.tokens import Tokens
from tap_cc_clicks.api.transport import Response
from tap_cc_clicks.api.urls import is_safe

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPES = {
    "campaign_data": (
        "campaign_data is missing, without which no report can be read: ask in the "
        "developer portal whether the application may have it, and sign in as a user "
        "who may see reports"
    ),
    "offline_access": (
        "offline_access is missing, and with it the refresh token: set up the "
        "application with refresh tokens (long-lived or rotating) in the developer "
        "portal, and allow it at the sign-in"
    ),
}
# The default interval of RFC 8628, and its increase after slow_down.
USUAL_INTERVAL = 5
SLOW_DOWN_SECONDS = 5
LONGEST_INTERVAL = 60
USUAL_LIFETIME = 600
LONGEST_LIFETIME = 3600
# The code that people type.
LONGEST_CODE = 40
SERVER_ERROR = HTTPStatus.INTERNAL_SERVER_ERROR
ANOTHER_WAY = (
    "This application may not sign in this way: in the developer portal choose the "
    "OAuth2 Device Flow for it, or with --pkce the Authorization Code Flow with PKCE"
)
REFUSALS = {
    "access_denied": (
        "The sign-in was refused in the browser: run again, and allow the application"
    ),
    "expired_token": "The code was not used in time: run again for a new one",
    "invalid_grant": "The service does not know the code any more: run again",
    "invalid_scope": (
        "The service does not give the scopes campaign_data and offline_access to this "
        "application: see to it in the developer portal"
    ),
    "unauthorized_client": ANOTHER_WAY,
    "unsupported_grant_type": ANOTHER_WAY,
    "unsupported_response_type": ANOTHER_WAY,
}
NO_CODE = "The service sent the browser back without a code: run again"
LOST = (
    "The service gave out the tokens in an answer that was lost on the way, and gives "
    "them once only: run again"
)

NO_LINE = (
    "Signed in, but what came as the refresh token is not one line of ASCII text. "
    "Nothing was stored: check token_url"
)


class SignInError(SingerSDKError):
    """The sign-in failed; the message states the reason and a remedy."""


@dataclass(frozen=True)
class Code:
    """A user code, and where to enter it.

    Attributes:
        page: The page; ``direct`` is the same with the code filled in.
        device_code: The secret code of the device.
        interval: Seconds between two requests.
        lifetime: Seconds until the code expires.
    """

    page: str
    direct: str
    user_code: str
    device_code: str = field(repr=False)
    interval: float
    lifetime: float


class SignIn:
    """One attempt to sign in.

    Args:
        client: The application.
        token_url: The token endpoint; the others are its siblings.
        say: Prints a line of progress.
    """

    def __init__(
        self, client: Client, token_url: str, say: Callable[[str], None]
    ) -> None:
        self._client = client
        self._token_url = token_url
        self._say = say

    def code(self) -> Code:
        """Request a code.

        Raises:
            SignInError: The service returns no code.
        """
        url = self._sibling("device/authorize")
        try:
            response = self._client.post(url, {"scope": " ".join(SCOPES)})
        except requests.RequestException as error:
            message = f"No answer from {url} ({failure_reason(error)})"
            raise SignInError(message) from None
        body = object_of(response)
        page, code, device = (
            body.get(name) for name in ("verification_uri", "user_code", "device_code")
        )
        if not (response.ok and page and code and device):
            raise _refused(response)
        return Code(
            page=_for_browser(page),
            direct=_for_browser(body.get("verification_uri_complete") or page),
            user_code=_to_type(code),
            device_code=str(device),
            interval=min(
                seconds(body.get("interval")) or USUAL_INTERVAL, LONGEST_INTERVAL
            ),
            lifetime=min(
                seconds(body.get("expires_in")) or USUAL_LIFETIME, LONGEST_LIFETIME
            ),
        )

    def await_person(self, code: Code) -> dict[str, Any]:
        """Poll until the user has allowed or denied access.

        After a failed request, it polls less often (RFC 8628, 3.5).

        Returns:
            The token endpoint's response.

        Raises:
            SignInError: Access was denied, or the code has expired.
            TokenError: As in :func:`token_response`.
        """
        form = {"grant_type": DEVICE_GRANT, "device_code": code.device_code}
        interval, lost = code.interval, False
        deadline = monotonic() + code.lifetime
        while monotonic() + interval < deadline:
            sleep(interval)
            response = self._polled(form, interval)
            if response is None:
                lost, interval = True, min(2 * interval, LONGEST_INTERVAL)
                continue
            error = error_name(response)
            if error == "slow_down":
                interval += SLOW_DOWN_SECONDS
            elif error != "authorization_pending":
                if lost and error == "invalid_grant":
                    raise SignInError(LOST)
                return _token_response(response)
        raise SignInError(REFUSALS["expired_token"])

    def _polled(self, form: Mapping[str, str], interval: float) -> Response | None:
        try:
            response = self._client.post(self._token_url, form)
        except requests.RequestException as error:
            reason = failure_reason(error)
        else:
            status = response.status
            if status < SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS:
                return response
            reason = f"it answered {status}"
        wait = min(2 * interval, LONGEST_INTERVAL)
        self._say(f"No answer from token_url ({reason}); asking again in {wait:g} s")
        return None

    def address(self, request: Request) -> str:
        """Return the URL to open in a browser.

        Raises:
            SignInError: ``token_url`` is wrong.
        """
        query = {
            "client_id": self._client.client_id,
            "response_type": "code",
            "redirect_uri": request.redirect_uri,
            "scope": " ".join(SCOPES),
            "state": request.state,
            "code_challenge": request.challenge,
            "code_challenge_method": "S256",
        }
        return _for_browser(f"{self._sibling('authorize')}?{urlencode(query)}")

    def redeem(self, request: Request, answer: Mapping[str, str]) -> dict[str, Any]:
        """Exchange the authorization code for tokens.

        Args:
            request: The request.
            answer: The query of the redirect.

        Raises:
            SignInError: Access was denied, or there was no response.
            TokenError: As in :func:`token_response`.
        """
        if "code" not in answer:
            raise SignInError(REFUSALS.get(answer.get("error", ""), NO_CODE))
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": request.redirect_uri,
            "code_verifier": request.verifier,
        }
        try:
            return _token_response(self._client.post(self._token_url, form))
        except requests.RequestException as error:
            message = (
                f"No answer from token_url ({failure_reason(error)}). The code may "
                "have been used up: run again"
            )
            raise SignInError(message) from None

    def _sibling(self, name: str) -> str:
        return f"{self._token_url.rsplit('/', 1)[0]}/{name}"


@dataclass(frozen=True)
class Request:
    """An authorization request with its secrets.

    Attributes:
        redirect_uri: Where the browser is redirected to.
        state: Returned with the answer.
        verifier: Proves to the token endpoint that the client is the same (PKCE).
    """

    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def new(cls, redirect_uri: str) -> Request:
        """Create a request with new secrets."""
        return cls(redirect_uri, secrets.token_urlsafe(32), secrets.token_urlsafe(48))

    def is_answered_by(self, answer: Mapping[str, str]) -> bool:
        """Return whether a query is the answer to this request."""
        given = answer.get("state", "")
        return bool({"code", "error"} & set(answer)) and secrets.compare_digest(
            given.encode(), self.state.encode()
        )

    @property
    def challenge(self) -> str:
        """The digest of the verifier, which is sent with the request."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def tokens_of(answer: Mapping[str, Any]) -> Tokens:
    """Return the tokens in a response.

    Raises:
        SignInError: A scope or the refresh token is missing.
    """
    # The scope is optional if it equals the requested one (RFC 6749, 5.1).
    granted = str(answer.get("scope") or " ".join(SCOPES)).split()
    if not isinstance(answer.get("refresh_token"), str):
        granted = [scope for scope in granted if scope != "offline_access"]
    missing = [advice for scope, advice in SCOPES.items() if scope not in granted]
    if missing:
        message = f"The sign-in is unusable. {'; '.join(missing)}. Nothing was stored"
        raise SignInError(message)
    if not is_token(answer["refresh_token"]):
        raise SignInError(NO_LINE)
    return Tokens(
        refresh_token=answer["refresh_token"],
        access_token=answer["access_token"],
        expires_at=time() + seconds(answer.get("expires_in")),
    )


def _for_browser(address: object) -> str:
    """Check and return a URL that the user should open.

    Raises:
        SignInError: It is not an https URL.
    """
    if not (isinstance(address, str) and address.isascii() and is_safe(address)):
        message = (
            "The sign-in leads to an address that is not an https URL, and was not "
            "opened: check token_url"
        )
        raise SignInError(message)
    return address


def _to_type(code: object) -> str:
    """Check and return a code that the user should type.

    Raises:
        SignInError: The code cannot be typed.
    """
    text = str(code)
    if text != printable(text, LONGEST_CODE):
        message = (
            f"The code to enter is longer than {LONGEST_CODE} characters, or has some "
            "that nobody can type: check token_url"
        )
        raise SignInError(message)
    return text


def _token_response(response: Response) -> dict[str, Any]:
    if not response.ok:
        raise _refused(response)
    return token_response(response)


def _refused(response: Response) -> SignInError:
    return SignInError(REFUSALS.get(error_name(response)) or str(refusal(response)))

"""The token endpoint, and what its responses mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import requests
from singer_sdk.exceptions import RetriableAPIError

from tap_cc_clicks.api.decoding import decode
from tap_cc_clicks.api.errors import TokenError, meaning_of
from tap_cc_clicks.api.text import is_token
from tap_cc_clicks.api.transport import Response, Transport

TIMEOUT_SECONDS = 60
# With these statuses, the refresh token was not used.
NOT_PROCESSED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
SIGN_IN_AGAIN = (
    "The refresh token is unknown, used up or expired: sign in again for a new one "
    "(cc-clicks login) and set refresh_token"
)
UNKNOWN_CLIENT = ("invalid_client", "unauthorized_client")
CHECK_CLIENT = (
    "The token endpoint does not know this application: check client_id and "
    "client_secret (leave client_secret out for a public client)"
)


class SpentTokenError(TokenError):
    """The refresh token is no longer valid: a person has to sign in."""


class LostAnswerError(TokenError):
    """It is unknown whether the refresh token was used up."""


class BusyError(TokenError, RetriableAPIError):
    """The token endpoint is temporarily unavailable; a retry may succeed."""


class Client:
    """The application, as an OAuth client."""

    def __init__(self, client_id: str, client_secret: str | None = None) -> None:
        self.client_id = client_id
        self._client_secret = client_secret
        self._transport = Transport(connections=1, timeout=TIMEOUT_SECONDS)

    def post(self, url: str, form: Mapping[str, str]) -> Response:
        """Send a form to the authorization server, once.

        Raises:
            RequestException: No response.
            FatalAPIError: The response is too large.
        """
        secret = self._client_secret
        # A public client has no secret; it only sends its id.
        named = form if secret else {**form, "client_id": self.client_id}
        request = requests.Request(
            "POST",
            url,
            data=named,
            auth=(self.client_id, secret) if secret else None,
            headers={"Accept": "application/json"},
        )
        return self._transport.send(request.prepare())


def object_of(response: Response) -> dict[str, Any]:
    """Return the JSON object of a response; empty if there is none."""
    try:
        body = decode(response.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def error_name(response: Response) -> str:
    """Return the error that a response names, with OAuth's key or Okta's."""
    body = object_of(response)
    return str(body.get("error") or body.get("errorCode"))


def token_response(response: Response) -> dict[str, Any]:
    """Return the body of a token response.

    Raises:
        TokenError: See :func:`refusal`.
    """
    body = object_of(response)
    if response.ok and is_token(body.get("access_token")):
        return body
    raise refusal(response)


def seconds(value: object) -> float:
    """Return a lifetime in seconds; 0 if it cannot be read."""
    try:
        lifetime = float(str(value))
    except ValueError:
        return 0.0
    return max(0.0, lifetime) if math.isfinite(lifetime) else 0.0


def refusal(response: Response) -> TokenError:
    """Return the error for a response without a token."""
    status, error = response.status, error_name(response)
    unavailable = f"The token endpoint is not available ({status}): run again"
    if status in NOT_PROCESSED:
        return BusyError(unavailable)
    if error == "invalid_grant":
        return SpentTokenError(SIGN_IN_AGAIN)
    if error in UNKNOWN_CLIENT or status == HTTPStatus.UNAUTHORIZED:
        return TokenError(CHECK_CLIENT)
    if issubclass(meaning_of(status).error, RetriableAPIError):
        return LostAnswerError(
            f"{unavailable}, and sign in again if the refresh token is refused"
        )
    message = f"The token endpoint answered {status} without a token: check token_url"
    return TokenError(message)

"""Getting, keeping and renewing the access token."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import requests
from singer_sdk.exceptions import FatalAPIError

from tap_cc_clicks.api.decoding import decode
from tap_cc_clicks.api.errors import TokenError
from tap_cc_clicks.api.network import unanswered, was_sent
from tap_cc_clicks.api.text import is_token
from tap_cc_clicks.api.tokens import Tokens, TokenStore
from tap_cc_clicks.api.transport import Answer, Transport
from tap_cc_clicks.api.urls import origin

TIMEOUT_SECONDS = 60
# Renewed this long before it ends, so that no request leaves with a dying token.
RENEWAL_MARGIN_SECONDS = 120
PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
SIGN_IN_AGAIN = (
    "The refresh token is unknown, spent or expired: sign in again for a new one "
    "(cc-clicks login) and set refresh_token"
)
CUT_OFF = (
    "An earlier run was ended while it waited for the answer to a refresh, and may "
    "have used the token up"
)


class SpentTokenError(TokenError):
    """The refresh token is good for nothing any more: a person has to sign in."""


class Client:
    """The application, as the authorization server knows it."""

    def __init__(self, client_id: str, client_secret: str | None = None) -> None:
        self.client_id = client_id
        self._client_secret = client_secret
        self._transport = Transport(connections=1, timeout=TIMEOUT_SECONDS)

    def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """Send a form to the authorization server, once.

        Raises:
            RequestException: No answer came.
            FatalAPIError: It was larger than any.
        """
        secret = self._client_secret
        # A public client has no secret to prove itself with: it only names itself.
        named = form if secret else {**form, "client_id": self.client_id}
        request = requests.Request(
            "POST",
            url,
            data=named,
            auth=(self.client_id, secret) if secret else None,
            headers={"Accept": "application/json"},
        )
        return self._transport.send(request.prepare())


class ConstantContactAuthenticator:
    """The one authenticator of a run, shared by all its threads.

    Args:
        config: ``access_token`` alone, or ``client_id`` and ``refresh_token`` with
            ``token_url`` and, for confidential clients, ``client_secret``; ``api_url``
            and ``token_store``.
        logger: Where a renewal is told.

    Attributes:
        requests: How many were made for tokens.
    """

    def __init__(self, config: Mapping[str, Any], logger: logging.Logger) -> None:
        self.access_token = config.get("access_token")
        self.refresh_token = config.get("refresh_token")
        self.requests = 0
        self._origin = origin(str(config["api_url"]))
        self._token_url = str(config["token_url"])
        self._client = Client(str(config.get("client_id")), config.get("client_secret"))
        self._logger = logger
        self._store = TokenStore.from_config(config)
        # On a clock that nobody sets.
        self._renew_at = 0.0
        self._refused: str | None = None
        self._renewed_after_rejection = False
        self._lock = threading.Lock()

    def authorize(self, request: requests.PreparedRequest) -> str:
        """Put a good access token into a request, and return it.

        Raises:
            FatalAPIError: The request leads elsewhere than to the API; or no token
                could be had, and the message says what to do.
            InputError: A token could not be stored, so that it was not asked for.
        """
        self._check(str(request.url))
        with self._lock:
            if self.refresh_token and time.monotonic() >= self._renew_at:
                self._renew_once()
            token = str(self.access_token)
        request.headers["Authorization"] = f"Bearer {token}"
        return token

    def _check(self, url: str) -> None:
        """Refuse a URL that does not lead to the API."""
        try:
            ours = origin(url) == self._origin
        except ValueError as error:
            # Such as a next link that was short before it was percent-encoded.
            message = f"A request was not sent: its address is {error}"
            raise FatalAPIError(message) from None
        if not ours:
            message = "A request would lead to another server than api_url: not sent"
            raise FatalAPIError(message)

    def _renew_once(self) -> None:
        """Take another run's token, or renew it with one request at most."""
        with self._store.locked():
            stored = self._store.load()
            if stored and self._is_usable(stored):
                self._adopt(stored)
                return
            if stored:
                self.refresh_token = stored.refresh_token
            self._logger.info("Renewing the access token")
            # In a thread that the process waits for, however the run ends: an answer
            # that nobody stores is a token lost.
            with ThreadPoolExecutor(max_workers=1) as executor:
                renewal = executor.submit(self._renew, known=stored is not None)
                self._adopt(renewal.result())

    def _is_usable(self, tokens: Tokens) -> bool:
        """Tell whether another run's access token will do."""
        return (
            tokens.access_token != self._refused
            and tokens.expires_at > time.time() + RENEWAL_MARGIN_SECONDS
        )

    def _renew(self, *, known: bool) -> Tokens:
        """Return new tokens, stored if the refresh token is known to rotate or does."""
        answer = self._answer()
        tokens = Tokens(
            refresh_token=str(answer.get("refresh_token") or self.refresh_token),
            access_token=answer["access_token"],
            expires_at=time.time() + seconds(answer.get("expires_in")),
        )
        if known or tokens.refresh_token != self.refresh_token:
            self._store.save(tokens)
        return tokens

    def _answer(self) -> dict[str, Any]:
        try:
            answer = token_answer(self._request_token())
        except SpentTokenError as error:
            if not self._store.cut_off:
                raise
            self._store.cut_off = False
            message = f"{error}. {CUT_OFF}"
            raise SpentTokenError(message) from None
        self._store.cut_off = False
        return answer

    def _adopt(self, tokens: Tokens) -> None:
        self.access_token = tokens.access_token
        self.refresh_token = tokens.refresh_token
        lifetime = tokens.expires_at - time.time()
        left = max(lifetime - RENEWAL_MARGIN_SECONDS, lifetime / 2)
        # Where the answer gives no lifetime, the token is good until it is refused.
        self._renew_at = time.monotonic() + left if left >= 1 else math.inf

    def _request_token(self) -> Answer:
        self.requests += 1
        form = {
            "grant_type": "refresh_token",
            "refresh_token": str(self.refresh_token),
        }
        try:
            return self._client.post(self._token_url, form)
        except requests.RequestException as error:
            message = f"No answer from token_url ({unanswered(error)}). {_fate(error)}"
            raise TokenError(message) from None

    def rejected(self, token: str | None) -> bool:
        """Note that the API answered 401, and say whether to try again.

        Args:
            token: The access token that the refused request carried.

        Returns:
            True if a newer token is there or can be had: one renewal is tried, and a
            second refusal in a row is final.
        """
        with self._lock:
            if token != self.access_token:
                return True
            if not self.refresh_token:
                return False
            if not self._renew_at:
                # Another thread's request was refused before, and the renewal is due.
                return True
            if self._renewed_after_rejection:
                return False
            self._renewed_after_rejection = True
            self._refused = token
            self._renew_at = 0.0
            return True

    def accepted(self) -> None:
        """Note that the API took the token."""
        self._renewed_after_rejection = False


def _fate(error: requests.RequestException) -> str:
    """Say what has become of a refresh token that was to be sent."""
    if not was_sent(error):
        return "The refresh token was not sent, and is as good as before: run again"
    return (
        "The refresh token may or may not have been used up: run again, and if it is "
        "refused, sign in again"
    )


def object_of(answer: Answer) -> dict[str, Any]:
    """Return the JSON object that an answer holds; an empty one if it holds none."""
    try:
        body = decode(answer.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def token_answer(answer: Answer) -> dict[str, Any]:
    """Return the token endpoint's answer.

    Raises:
        SpentTokenError: The refresh token was refused.
        FatalAPIError: The request was, or the answer holds no access token.
    """
    body = object_of(answer)
    if answer.ok and is_token(body.get("access_token")):
        return body
    error = body.get("error")
    kind = SpentTokenError if error == "invalid_grant" else TokenError
    raise kind(refusal(answer.status, error))


def seconds(value: object) -> float:
    """Return a lifetime; 0 where the answer gives none that can be read."""
    try:
        lifetime = float(str(value))
    except ValueError:
        return 0.0
    return max(0.0, lifetime) if math.isfinite(lifetime) else 0.0


def refusal(status: int, error: object) -> str:
    """Say what an answer without a token means, and what to do."""
    if error == "invalid_grant":
        return SIGN_IN_AGAIN
    if error in ("invalid_client", "unauthorized_client"):
        return (
            "The token endpoint does not know this application: check client_id and "
            "client_secret (leave client_secret out for a public client)"
        )
    if status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return (
            f"The token endpoint is out of order for now ({status}): run again, and if "
            "the refresh token is refused then, sign in again"
        )
    return f"The token endpoint answered {status} without a token: check token_url"

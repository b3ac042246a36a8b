"""The access token: where it comes from, and when it is renewed."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from singer_sdk.exceptions import FatalAPIError

from tap_cc_clicks.api.errors import TokenError
from tap_cc_clicks.api.network import failure_reason, was_sent
from tap_cc_clicks.api.token_endpoint import (
    BusyError,
    Client,
    LostAnswerError,
    SpentTokenError,
    seconds,
    token_response,
)
from tap_cc_clicks.api.tokens import Tokens, TokenStore
from tap_cc_clicks.api.transport import Response
from tap_cc_clicks.api.urls import origin

# Renew this long before the token expires.
RENEWAL_MARGIN_SECONDS = 120
SECONDS_BETWEEN_CALLS = 1.0
# From this many 401s in a row, the token is to blame; fewer may be the service.
REFUSALS_OF_BAD_TOKEN = 5
CUT_OFF = (
    "An earlier run was killed while it waited for a token response, and may have "
    "used up the refresh token"
)


class ConstantContactAuthenticator:
    """The one authenticator of a run, shared by all its threads.

    Args:
        config: ``access_token`` alone, or ``client_id`` and ``refresh_token`` with
            ``token_url`` and, for confidential clients, ``client_secret``; ``api_url``
            and ``token_store``.
        logger: Logs renewals.

    Attributes:
        requests: How many token requests were made.
    """

    def __init__(self, config: Mapping[str, Any], logger: logging.Logger) -> None:
        self.access_token = config.get("access_token")
        self.refresh_token = config.get("refresh_token")
        self.requests = 0
        self._seed = self.refresh_token
        self._origin = origin(str(config["api_url"]))
        self._token_url = str(config["token_url"])
        self._client = Client(str(config.get("client_id")), config.get("client_secret"))
        self._logger = logger
        self._store = TokenStore.from_config(config)
        # Times of the monotonic clock.
        self._renew_at = 0.0
        self._next_call = 0.0
        # 401s in a row; how many of them make the token invalid; and whether a renewed
        # token was refused as well.
        self._refusals = 0
        self._max_refusals = 1 if self.refresh_token else REFUSALS_OF_BAD_TOKEN
        self._final = False
        self._long_lived = False
        self._failed: TokenError | None = None
        self._lock = threading.Lock()

    def authorize(self, request: requests.PreparedRequest) -> str:
        """Put a valid access token into a request, and return it.

        Raises:
            FatalAPIError: The request would leave the API's origin.
            TokenError: No valid token is available; the message says what to do.
            InputError: The token store cannot be written, so no refresh was made.
        """
        self._check(str(request.url))
        with self._lock:
            if self._renewable and (
                self._is_rejected or time.monotonic() >= self._renew_at
            ):
                self._renew_once()
            token = str(self.access_token)
        request.headers["Authorization"] = f"Bearer {token}"
        return token

    @property
    def _renewable(self) -> bool:
        return bool(self.refresh_token) and not self._final

    @property
    def _is_rejected(self) -> bool:
        return self._refusals >= self._max_refusals

    def _check(self, url: str) -> None:
        """Refuse a URL outside the API."""
        try:
            ours = origin(url) == self._origin
        except ValueError as error:
            # For example a next link that grew too long by percent-encoding.
            message = f"A request was not sent: {error}"
            raise FatalAPIError(message) from None
        if not ours:
            message = "A request was not sent: it would leave the server of api_url"
            raise FatalAPIError(message)

    def _renew_once(self) -> None:
        """Use another run's token, or renew it with at most one request."""
        if self._failed:
            # Other threads do not repeat a failed refresh.
            raise type(self._failed)(*self._failed.args)
        refused = self._refusals > 0
        # Before the store is locked, so that other runs do not wait.
        time.sleep(max(0.0, self._next_call - time.monotonic()))
        with self._store.locked():
            stored = self._store.load()
            if stored and self._is_usable(stored):
                self._adopt(stored, after_refusal=refused)
                return
            if stored:
                self.refresh_token = stored.refresh_token
            self._logger.info("Renewing the access token")
            # In a thread that the process waits for even if the run is interrupted: a
            # response that is not stored is a lost token.
            with ThreadPoolExecutor(max_workers=1) as executor:
                renewal = executor.submit(self._renew, known=stored is not None)
                self._adopt(renewal.result(), after_refusal=refused)
                self._final = refused

    def _is_usable(self, tokens: Tokens) -> bool:
        return (
            tokens.access_token != self.access_token
            and tokens.expires_at > time.time() + RENEWAL_MARGIN_SECONDS
        )

    def _renew(self, *, known: bool) -> Tokens:
        """Return new tokens; store them if the refresh token rotates."""
        response = self._token_response()
        tokens = Tokens(
            refresh_token=str(response.get("refresh_token") or self.refresh_token),
            access_token=response["access_token"],
            expires_at=time.time() + seconds(response.get("expires_in")),
        )
        # A rotating token differs from the configured one after its first use.
        self._long_lived = tokens.refresh_token == self._seed
        if known or tokens.refresh_token != self.refresh_token:
            self._store.save(tokens)
        return tokens

    def _token_response(self) -> dict[str, Any]:
        try:
            response = token_response(self._request_token())
        except TokenError as error:
            raise self._classified(error) from None
        self._store.cut_off = False
        return response

    def _classified(self, error: TokenError) -> TokenError:
        """Return what a failure means for this refresh token; keep final failures."""
        if isinstance(error, BusyError):
            return error
        if isinstance(error, LostAnswerError) and self._long_lived:
            return BusyError(str(error))
        if isinstance(error, SpentTokenError) and self._store.cut_off:
            self._store.cut_off = False
            error = SpentTokenError(f"{error}. {CUT_OFF}")
        self._failed = error
        return error

    def _adopt(self, tokens: Tokens, *, after_refusal: bool) -> None:
        self.access_token = tokens.access_token
        self.refresh_token = tokens.refresh_token
        self._max_refusals, self._refusals = (
            REFUSALS_OF_BAD_TOKEN if after_refusal else 1,
            0,
        )
        lifetime = tokens.expires_at - time.time()
        left = max(lifetime - RENEWAL_MARGIN_SECONDS, lifetime / 2)
        # Without a lifetime in the response, the token is valid until it is refused.
        self._renew_at = time.monotonic() + left if left >= 1 else math.inf

    def _request_token(self) -> Response:
        self.requests += 1
        self._next_call = time.monotonic() + SECONDS_BETWEEN_CALLS
        form = {
            "grant_type": "refresh_token",
            "refresh_token": str(self.refresh_token),
        }
        try:
            return self._client.post(self._token_url, form)
        except requests.RequestException as error:
            message = (
                f"No answer from token_url ({failure_reason(error)}). {_fate(error)}"
            )
            raise LostAnswerError(message) from None

    def rejected(self, token: str) -> bool:
        """Note a 401, and return whether another try may help.

        The first 401 renews the token. A renewed token is only replaced after several
        401s in a row: not every 401 is the token's fault.
        """
        with self._lock:
            if token == self.access_token:
                self._refusals += 1
            return self._renewable or not self._is_rejected

    def accepted(self, token: str) -> None:
        if token == self.access_token:
            self._refusals, self._final = 0, False


def _fate(error: requests.RequestException) -> str:
    """Say whether a refresh token was sent before the request failed."""
    if not was_sent(error):
        return "The refresh token was not sent and is still valid: run again"
    return (
        "The refresh token may have been used up: run again, and sign in again if it "
        "is refused"
    )

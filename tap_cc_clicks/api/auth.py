"""Getting, keeping and renewing the access token."""

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
from tap_cc_clicks.api.network import unanswered, was_sent
from tap_cc_clicks.api.token_endpoint import (
    BusyError,
    Client,
    LostAnswerError,
    SpentTokenError,
    seconds,
    token_answer,
)
from tap_cc_clicks.api.tokens import Tokens, TokenStore
from tap_cc_clicks.api.transport import Answer
from tap_cc_clicks.api.urls import origin

# Renewed this long before it ends, so that no request leaves with a dying token.
RENEWAL_MARGIN_SECONDS = 120
SECONDS_BETWEEN_CALLS = 1.0
# So many refusals in a row are the token's fault; fewer may be the service's.
SEVERAL = 5
CUT_OFF = (
    "An earlier run was ended while it waited for the answer to a refresh, and may "
    "have used the token up"
)


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
        self._seed = self.refresh_token
        self._origin = origin(str(config["api_url"]))
        self._token_url = str(config["token_url"])
        self._client = Client(str(config.get("client_id")), config.get("client_secret"))
        self._logger = logger
        self._store = TokenStore.from_config(config)
        # On a clock that nobody sets.
        self._renew_at = 0.0
        self._next_call = 0.0
        # How often in a row the access token was refused; from how often on it is
        # doubted; and whether another one would be none the better.
        self._refusals = 0
        self._patience = 1 if self.refresh_token else SEVERAL
        self._final = False
        self._long_lived = False
        self._failed: TokenError | None = None
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
            if self._renewable and (
                self._doubted or time.monotonic() >= self._renew_at
            ):
                self._renew_once()
            token = str(self.access_token)
        request.headers["Authorization"] = f"Bearer {token}"
        return token

    @property
    def _renewable(self) -> bool:
        return bool(self.refresh_token) and not self._final

    @property
    def _doubted(self) -> bool:
        return self._refusals >= self._patience

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
        if self._failed:
            # What failed for one thread is not repeated by the others.
            raise type(self._failed)(*self._failed.args)
        refused = self._refusals > 0
        # Before the store is locked: neither other runs nor a process that ends wait.
        time.sleep(max(0.0, self._next_call - time.monotonic()))
        with self._store.locked():
            stored = self._store.load()
            if stored and self._is_usable(stored):
                self._adopt(stored, after_refusal=refused)
                return
            if stored:
                self.refresh_token = stored.refresh_token
            self._logger.info("Renewing the access token")
            # In a thread that the process waits for, however the run ends: an answer
            # that nobody stores is a token lost.
            with ThreadPoolExecutor(max_workers=1) as executor:
                renewal = executor.submit(self._renew, known=stored is not None)
                self._adopt(renewal.result(), after_refusal=refused)
                self._final = refused

    def _is_usable(self, tokens: Tokens) -> bool:
        """Tell whether another run's access token will do."""
        return (
            tokens.access_token != self.access_token
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
        # One that rotates is never again what a person has set.
        self._long_lived = tokens.refresh_token == self._seed
        if known or tokens.refresh_token != self.refresh_token:
            self._store.save(tokens)
        return tokens

    def _answer(self) -> dict[str, Any]:
        try:
            answer = token_answer(self._request_token())
        except TokenError as error:
            raise self._judged(error) from None
        self._store.cut_off = False
        return answer

    def _judged(self, error: TokenError) -> TokenError:
        """Return what a failure means for this refresh token, and remember the last."""
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
        self._patience, self._refusals = SEVERAL if after_refusal else 1, 0
        lifetime = tokens.expires_at - time.time()
        left = max(lifetime - RENEWAL_MARGIN_SECONDS, lifetime / 2)
        # Where the answer gives no lifetime, the token is good until it is refused.
        self._renew_at = time.monotonic() + left if left >= 1 else math.inf

    def _request_token(self) -> Answer:
        self.requests += 1
        self._next_call = time.monotonic() + SECONDS_BETWEEN_CALLS
        form = {
            "grant_type": "refresh_token",
            "refresh_token": str(self.refresh_token),
        }
        try:
            return self._client.post(self._token_url, form)
        except requests.RequestException as error:
            message = f"No answer from token_url ({unanswered(error)}). {_fate(error)}"
            raise LostAnswerError(message) from None

    def rejected(self, token: str) -> bool:
        """Note that the API answered 401, and say whether to try again.

        At a first refusal the token is renewed. The one issued then is doubted only
        when it is refused several times in a row: not every refusal is a token's fault.

        Args:
            token: The access token that the refused request carried.

        Returns:
            False if another token would not help, or cannot be had.
        """
        with self._lock:
            if token == self.access_token:
                self._refusals += 1
            return self._renewable or not self._doubted

    def accepted(self, token: str) -> None:
        """Note that the API took a token."""
        if token == self.access_token:
            self._refusals, self._final = 0, False


def _fate(error: requests.RequestException) -> str:
    """Say what has become of a refresh token that was to be sent."""
    if not was_sent(error):
        return "The refresh token was not sent, and is as good as before: run again"
    return (
        "The refresh token may or may not have been used up: run again, and if it is "
        "refused, sign in again"
    )

"""Getting, keeping and renewing the access token."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import requests
from singer_sdk.authenticators import OAuthAuthenticator
from singer_sdk.exceptions import FatalAPIError
from singer_sdk.helpers._util import utc_now
from typing_extensions import override

from tap_cc_clicks.bodies import ACCEPT_ENCODING, read_body
from tap_cc_clicks.network import unanswered
from tap_cc_clicks.parsing import decode
from tap_cc_clicks.settings import is_token
from tap_cc_clicks.tokens import Tokens, TokenStore

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class SpentTokenError(FatalAPIError):
    """The refresh token is good for nothing any more: a person has to sign in."""


@dataclass(frozen=True)
class Client:
    """The application, as the authorization server knows it."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)

    def post(self, url: str, form: Mapping[str, str]) -> requests.Response:
        """Send a form to the authorization server, once.

        Raises:
            RequestException: No answer came.
            FatalAPIError: It was larger than any.
        """
        secret = self.client_secret
        # A public client has no secret to prove itself with: it only names itself.
        named = form if secret else {**form, "client_id": self.client_id}
        response = requests.post(
            url,
            data=named,
            auth=(self.client_id, secret) if secret else no_credentials,
            headers={"Accept": "application/json", "Accept-Encoding": ACCEPT_ENCODING},
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
        )
        read_body(response)
        return response


def no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request as it is: without this, requests takes a password from netrc."""
    return request


class ConstantContactAuthenticator(OAuthAuthenticator):
    """The one authenticator of a run, shared by all its threads."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take the credentials from the settings.

        Args:
            config: ``access_token`` alone, or ``client_id`` and ``refresh_token`` with
                ``token_url`` and, for confidential clients, ``client_secret``; and
                ``token_store``.
        """
        super().__init__(
            auth_endpoint=config["token_url"],
            client_id=config.get("client_id"),
            client_secret=config.get("client_secret"),
        )
        self.access_token = config.get("access_token")
        self.refresh_token = config.get("refresh_token")
        self.requests = 0
        self._store = TokenStore.from_config(config)
        self._refused: str | None = None
        self._renewed_after_rejection = False
        self._lock = threading.Lock()

    @override
    def authenticate_request(
        self, request: requests.PreparedRequest
    ) -> requests.PreparedRequest:
        with self._lock:
            if self.refresh_token and not self.is_token_valid():
                self.update_access_token()
            request.headers["Authorization"] = f"Bearer {self.access_token}"
        return request

    @property
    @override
    def oauth_request_body(self) -> dict[str, str]:
        return {
            "grant_type": "refresh_token",
            "refresh_token": str(self.refresh_token),
        }

    @override
    def update_access_token(self) -> None:
        """Renew the access token, with one request at most.

        The SDK's own method repeats a POST that may have been answered, which spends a
        single-use refresh token, and forgets the refresh token that comes back.

        Raises:
            FatalAPIError: No token came back; the message says what to do.
            InputError: What comes back could not be stored, so that it was not asked.
        """
        with self._store.locked():
            stored = self._store.load()
            if stored and self._is_usable(stored):
                self._adopt(stored)
                return
            if stored:
                self.refresh_token = stored.refresh_token
            self.logger.info("Renewing the access token")
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
        lifetime = int(tokens.expires_at - time.time())
        self.expires_in = max(lifetime - RENEWAL_MARGIN_SECONDS, lifetime // 2) or None
        self.last_refreshed = utc_now()

    def _request_token(self) -> requests.Response:
        self.requests += 1
        client = Client(str(self.client_id), self.client_secret)
        try:
            return client.post(self.auth_endpoint, self.oauth_request_body)
        except requests.RequestException as error:
            message = (
                f"No answer from token_url ({unanswered(error)}). The refresh token "
                "may or may not have been used up: run again, and if it is refused, "
                "sign in again"
            )
            raise FatalAPIError(message) from None

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
            if self.last_refreshed is None:
                # Another thread's request was refused before, and the renewal is due.
                return True
            if self._renewed_after_rejection:
                return False
            self._renewed_after_rejection = True
            self._refused = token
            self.last_refreshed = None
            return True

    def accepted(self) -> None:
        """Note that the API took the token."""
        self._renewed_after_rejection = False


def object_of(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object that a response holds; an empty one if it holds none."""
    try:
        body = decode(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def token_answer(response: requests.Response) -> dict[str, Any]:
    """Return the token endpoint's answer.

    Raises:
        SpentTokenError: The refresh token was refused.
        FatalAPIError: The request was, or the answer holds no access token.
    """
    body = object_of(response)
    if response.ok and is_token(body.get("access_token")):
        return body
    error = body.get("error")
    kind = SpentTokenError if error == "invalid_grant" else FatalAPIError
    raise kind(refusal(response.status_code, error))


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
    if error in {"invalid_client", "unauthorized_client"}:
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

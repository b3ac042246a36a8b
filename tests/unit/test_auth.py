"""The access token: refreshed once for all threads, never by a repeated POST."""

from __future__ import annotations

import io
import json
import logging
from base64 import b64encode
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
import requests
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError
from urllib3 import HTTPResponse

from tap_cc_clicks.api import auth
from tap_cc_clicks.api.auth import REFUSALS_OF_BAD_TOKEN, ConstantContactAuthenticator
from tap_cc_clicks.api.errors import TokenError

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.usefixtures("no_waiting")
LOGGER = logging.getLogger("tests")
CONFIG = {
    "api_url": "https://api.example.com/v3",
    "token_url": "https://authz.example.com/token",
    "client_id": "id",
    "refresh_token": "seed",
}


class Endpoint:
    """A fake network that records requests and returns a fixed answer."""

    def __init__(self, **answer: Any) -> None:
        """Answer with an access token by default."""
        self.sent: list[requests.PreparedRequest] = []
        self.options: list[dict[str, Any]] = []
        self.status = 200
        self.answer: Any = {"access_token": "one", "expires_in": 86400, **answer}

    def __call__(
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        self.sent.append(request)
        self.options.append(options)
        if isinstance(self.answer, Exception):
            raise self.answer
        response = requests.Response()
        response.status_code = self.status
        body = io.BytesIO(json.dumps(self.answer).encode())
        response.raw = HTTPResponse(body, preload_content=False)
        return response

    @property
    def forms(self) -> list[dict[str, str]]:
        """Return the forms that were sent."""
        return [dict(parse_qsl(str(request.body))) for request in self.sent]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """Replace the token endpoint."""
    made = Endpoint()
    monkeypatch.setattr("requests.Session.send", made)
    return made


def authenticator_of(config: dict[str, Any]) -> ConstantContactAuthenticator:
    """Return an authenticator with these settings."""
    return ConstantContactAuthenticator(config, LOGGER)


def authorized(authenticator: ConstantContactAuthenticator) -> str:
    """Return the Authorization header of a request."""
    request = requests.Request("GET", "https://api.example.com/v3/emails").prepare()
    token = authenticator.authorize(request)
    assert request.headers["Authorization"] == f"Bearer {token}"
    return request.headers["Authorization"]


def test_one_token_serves_all_requests(endpoint: Endpoint) -> None:
    """It is requested when the first request needs it."""
    authenticator = authenticator_of(CONFIG)
    assert [authorized(authenticator) for _ in range(3)] == ["Bearer one"] * 3
    assert len(endpoint.sent) == 1
    assert endpoint.options[0]["allow_redirects"] is False


def test_a_client_with_a_secret_uses_basic_authentication(endpoint: Endpoint) -> None:
    """A client without a secret only sends its id."""
    config = {**CONFIG, "client_secret": "secret"}
    authorized(authenticator_of(config))
    authorized(authenticator_of(CONFIG))
    grant = {"grant_type": "refresh_token", "refresh_token": "seed"}
    assert endpoint.forms == [grant, {**grant, "client_id": "id"}]
    basic = f"Basic {b64encode(b'id:secret').decode()}"
    proofs = [request.headers.get("Authorization") for request in endpoint.sent]
    assert proofs == [basic, None]


def test_a_refused_token_is_renewed_once_for_all_threads(endpoint: Endpoint) -> None:
    """Two requests with the old token may both be refused before the renewal."""
    authenticator = authenticator_of(CONFIG)
    authorized(authenticator)
    endpoint.answer["access_token"] = "two"
    assert authenticator.rejected("one")
    assert authenticator.rejected("one")
    assert authorized(authenticator) == "Bearer two"
    assert authenticator.rejected("one")
    assert len(endpoint.sent) == 2


def refused(authenticator: ConstantContactAuthenticator) -> list[bool]:
    """Return, for each of several refusals in a row, whether to try again."""
    token = str(authenticator.access_token)
    return [authenticator.rejected(token) for _ in range(REFUSALS_OF_BAD_TOKEN)]


def test_a_new_token_is_rejected_only_after_several_refusals_in_a_row(
    endpoint: Endpoint,
) -> None:
    """One used to be enough, but the service sometimes refuses valid tokens."""
    authenticator = authenticator_of(CONFIG)
    authorized(authenticator)
    authenticator.rejected("one")
    endpoint.answer["access_token"] = "two"
    authorized(authenticator)
    for _ in range(3):
        assert all(
            authenticator.rejected("two") for _ in range(REFUSALS_OF_BAD_TOKEN - 1)
        )
        assert authorized(authenticator) == "Bearer two"
        authenticator.accepted("two")
    # A late answer to an old token does not reset the count.
    authenticator.accepted("one")
    assert len(endpoint.sent) == 2
    # A token that worked is renewed; a new one refused from the start is not.
    endpoint.answer["access_token"] = "three"
    assert refused(authenticator) == [True] * REFUSALS_OF_BAD_TOKEN
    assert authorized(authenticator) == "Bearer three"
    assert refused(authenticator) == [True] * (REFUSALS_OF_BAD_TOKEN - 1) + [False]
    assert len(endpoint.sent) == 3


def test_an_access_token_alone_cannot_be_renewed() -> None:
    """It is used until it is refused several times in a row."""
    urls = {name: CONFIG[name] for name in ("api_url", "token_url")}
    config = {**urls, "access_token": "given"}
    authenticator = authenticator_of(config)
    assert authorized(authenticator) == "Bearer given"
    for _ in range(2):
        assert refused(authenticator) == [True] * (REFUSALS_OF_BAD_TOKEN - 1) + [False]
        assert authorized(authenticator) == "Bearer given"
        authenticator.accepted("given")


def test_a_new_refresh_token_is_used_next(endpoint: Endpoint) -> None:
    """The old refresh token is kept if the answer holds no new one."""
    authenticator = authenticator_of(CONFIG)
    endpoint.answer["refresh_token"] = "next"
    authorized(authenticator)
    del endpoint.answer["refresh_token"]
    for number in range(2):
        endpoint.answer["access_token"] = str(number)
        authenticator.accepted(str(authenticator.access_token))
        refused(authenticator)
        authorized(authenticator)
    used = [form["refresh_token"] for form in endpoint.forms]
    assert used == ["seed", "next", "next"]


@pytest.mark.parametrize(
    ("status", "answer", "sentence"),
    [
        (400, {"error": "invalid_grant"}, "sign in again"),
        (401, {"error": "invalid_client"}, "check client_id and client_secret"),
        (400, {"errorCode": "invalid_grant"}, "sign in again"),
        (400, {"errorCode": "invalid_client"}, "check client_id and client_secret"),
        (401, {"errorCode": "E0000022"}, "check client_id and client_secret"),
        (
            502,
            None,
            "not available (502): run again, and sign in again if the refresh token",
        ),
        (503, None, "not available (503): run again"),
        (429, {"error": "s3cret"}, "not available (429): run again"),
        (404, None, "answered 404 without a token: check token_url"),
        (400, {"error": ["s3cret"]}, "answered 400 without a token: check token_url"),
        (200, {"token_type": "Bearer"}, "answered 200 without a token"),
        (200, ["s3cret"], "answered 200 without a token"),
        (None, requests.ReadTimeout("s3cret"), "may have been used up"),
        (None, requests.ConnectionError("s3cret"), "No answer from token_url"),
    ],
)
def test_a_refused_refresh_is_explained_and_not_repeated(
    endpoint: Endpoint, status: int, answer: Any, sentence: str
) -> None:
    """A second POST could spend a single-use token."""
    endpoint.status, endpoint.answer = status, answer
    with pytest.raises(TokenError) as error:
        authorized(authenticator_of(CONFIG))
    assert sentence in str(error.value)
    assert "s3cret" not in str(error.value)
    assert len(endpoint.sent) == 1


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (503, {"error": "invalid_grant"}),
        (429, {"errorCode": "E0000047", "errorSummary": "Too many requests."}),
        (429, None),
    ],
)
def test_a_refresh_answered_with_429_or_503_may_be_repeated(
    endpoint: Endpoint, status: int, answer: Any
) -> None:
    """The token was not used, regardless of the body."""
    authenticator, good = authenticator_of(CONFIG), endpoint.answer
    endpoint.status, endpoint.answer = status, answer
    for _ in range(2):
        with pytest.raises(RetriableAPIError, match="not available"):
            authorized(authenticator)
    endpoint.status, endpoint.answer = 200, good
    assert authorized(authenticator) == "Bearer one"


@pytest.mark.parametrize("status", [500, 502, 504, None])
@pytest.mark.parametrize("rotates", [True, False])
def test_an_unanswered_refresh_is_repeated_only_with_a_long_lived_token(
    endpoint: Endpoint, status: int, *, rotates: bool
) -> None:
    """Repeating it with a rotating token could revoke all tokens."""
    authenticator = authenticator_of(CONFIG)
    if rotates:
        endpoint.answer["refresh_token"] = "next"
    authorized(authenticator)
    authenticator.rejected("one")
    endpoint.status = status
    endpoint.answer = {} if status else requests.ReadTimeout()
    for _ in range(2):
        with pytest.raises(TokenError) as error:
            authorized(authenticator)
        assert isinstance(error.value, RetriableAPIError) is not rotates
    assert len(endpoint.sent) == (2 if rotates else 3)


def test_at_most_one_token_is_requested_per_second(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There used to be 13 requests in 8 seconds."""
    monkeypatch.setattr(auth, "SECONDS_BETWEEN_CALLS", 1)
    slept: list[float] = []
    now = SimpleNamespace(
        monotonic=lambda: 1000.25 + sum(slept), time=lambda: 0.0, sleep=slept.append
    )
    monkeypatch.setattr(auth, "time", now)
    authenticator = authenticator_of(CONFIG)
    authorized(authenticator)
    authenticator.rejected("one")
    endpoint.status = 503
    for _ in range(2):
        with pytest.raises(RetriableAPIError):
            authorized(authenticator)
    assert slept == [0, 1, 1]


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example.com/v3/emails",
        "http://api.example.com/v3/emails",
        "https://api.example.com:8443/v3/emails",
        "https://api.example.com.elsewhere.example.com/v3/emails",
        "https://authz.example.com/token",
    ],
)
def test_a_request_to_another_server_gets_no_token(
    endpoint: Endpoint, url: str
) -> None:
    """The request is refused before a token is requested."""
    request = requests.Request("GET", url).prepare()
    with pytest.raises(FatalAPIError, match="it would leave the server of api_url"):
        authenticator_of(CONFIG).authorize(request)
    assert "Authorization" not in request.headers
    assert not endpoint.sent


def test_a_url_that_is_too_long_once_encoded_is_refused(endpoint: Endpoint) -> None:
    """A next link may exceed the limit only after percent-encoding."""
    url = "https://api.example.com/v3/emails?cursor=" + 3_000 * "語"
    request = requests.Request("GET", url).prepare()
    with pytest.raises(FatalAPIError, match="not sent: a URL that is too long"):
        authenticator_of(CONFIG).authorize(request)
    assert "Authorization" not in request.headers
    assert not endpoint.sent


@pytest.mark.parametrize(
    "url", ["HTTPS://API.example.com/v3", "https://api.example.com:443/v3"]
)
def test_equivalent_spellings_of_the_server_are_accepted(
    endpoint: Endpoint, url: str
) -> None:
    """The comparison follows the rules of browsers."""
    request = requests.Request("GET", url).prepare()
    assert authenticator_of(CONFIG).authorize(request) == "one"
    assert endpoint.sent

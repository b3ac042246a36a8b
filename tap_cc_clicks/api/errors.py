"""What can go wrong between the tap and the service, and what a person can do."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from singer_sdk.exceptions import (
    FatalAPIError,
    RequestedAbortException,
    RetriableAPIError,
    SingerSDKError,
    SkippableAPIError,
)

from tap_cc_clicks.api.decoding import decode
from tap_cc_clicks.api.text import is_key, printable
from tap_cc_clicks.api.urls import path_of

if TYPE_CHECKING:
    from tap_cc_clicks.api.transport import Answer

# Statuses below 500 that pass by themselves.
PASSING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
MOST_KEYS = 5
ADVICE: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "the API did not understand the request",
    HTTPStatus.UNAUTHORIZED: (
        "the access token is not accepted: set refresh_token, or sign in again for a "
        "new access_token"
    ),
    HTTPStatus.FORBIDDEN: (
        "the token may not read reports: the application needs the scope "
        "campaign_data, and the user the privilege ui:campaign:metrics"
    ),
    HTTPStatus.NOT_FOUND: "nothing there: check api_url",
}
REDIRECTED = (
    "redirects are not followed, since the access token would go along: check api_url"
)
QUOTA_EXCEEDED = (
    "The API key has used up its requests of the day (10,000), which ends at "
    "00:00 UTC; the next run after that goes on from here"
)


class InputError(SingerSDKError):
    """Something that was handed in cannot be used; the message says why."""


class RunEndedError(RequestedAbortException):
    """The run ends cleanly, with work left for the next one."""


class BudgetSpentError(RunEndedError):
    """The run has made as many requests as it may."""


class QuotaExceededError(RunEndedError):
    """The API key has no requests left today."""


class TokenError(FatalAPIError):
    """No good access token could be had: nothing can be read."""


class GoneError(SkippableAPIError):
    """The campaign or activity asked for is not there (404)."""


class MisunderstoodError(FatalAPIError):
    """The API did not understand a request (400)."""


class CursorRefusedError(FatalAPIError):
    """The link of a later page is not good any more."""


class EndlessPagesError(FatalAPIError):
    """The pages come to no end; to take what was read for all would lose the rest."""


class TooManyPagesError(EndlessPagesError):
    """The lists of this run have too many pages altogether."""


class TooLargeError(FatalAPIError):
    """An answer is larger than a page can be; a smaller page may do."""


def error_of(answer: Answer) -> Exception:
    """Return what an answer other than 200 means.

    Returns:
        A MisunderstoodError, a GoneError, a QuotaExceededError, a RetriableAPIError if
        another try may succeed, else a FatalAPIError.
    """
    status, keys = answer.status, error_keys(answer.body)
    message = _message(answer, keys)
    if status == HTTPStatus.TOO_MANY_REQUESTS and "quota_exceeded" in keys:
        return QuotaExceededError(QUOTA_EXCEEDED)
    if status == HTTPStatus.UNAUTHORIZED:
        return TokenError(message)
    if status == HTTPStatus.BAD_REQUEST:
        return MisunderstoodError(message)
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return GoneError(message)
    if status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return RetriableAPIError(message)
    return FatalAPIError(message)


def _message(answer: Answer, keys: list[str]) -> str:
    """Say what was asked, what came back, and what to do; no body, no query."""
    redirected = HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST
    advice = REDIRECTED if redirected else ADVICE.get(answer.status)
    said = ", ".join(keys) or printable(answer.reason)
    about = f"{answer.status} ({said}) for {path_of(answer.url)}"
    return about + (f": {advice}" if advice else "")


def error_keys(content: bytes) -> list[str]:
    """Return the ``error_key`` of each error in a body: an object, or a list of them.

    The messages beside them are left out: they may repeat what was sent.
    """
    try:
        body = decode(content)
    except ValueError:
        return []
    errors = body if isinstance(body, list) else [body]
    keys = [error.get("error_key") for error in errors if isinstance(error, dict)]
    return [str(key) for key in keys if is_key(key)][:MOST_KEYS]

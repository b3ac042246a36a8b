"""Errors of the service, and what a person can do about them."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from singer_sdk.exceptions import (
    FatalAPIError,
    FatalSyncError,
    RequestedAbortException,
    RetriableAPIError,
    SingerSDKError,
    SkippableAPIError,
)

from tap_cc_clicks.api.decoding import decode
from tap_cc_clicks.api.text import is_key, printable
from tap_cc_clicks.api.urls import path_of

if TYPE_CHECKING:
    from tap_cc_clicks.api.transport import Response

# Statuses that a proxy or a CDN in front of the API may return.
PROXY_STATUSES = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
# The stats endpoint's error key if none of the activities has counters.
NO_STATS = "reportingsvc.not_found"
MOST_KEYS = 5
REDIRECTED = "redirects are not followed, to protect the access token: check api_url"
QUOTA_EXCEEDED = (
    "The API key has no requests left today. The quota resets at 00:00 UTC; the next "
    "run after that continues from here"
)
LIKELY_QUOTA_EXCEEDED = (
    "The API keeps answering 429 without a reason: most likely, the API key has no "
    "requests left today. The quota resets at 00:00 UTC; the next run after that "
    "continues from here"
)


class InputError(SingerSDKError):
    """An input cannot be used; the message says why."""


class RunEndedError(RequestedAbortException):
    """The run ends cleanly; the next one continues."""


class BudgetSpentError(RunEndedError):
    """The run has made as many requests as it may."""


class QuotaExceededError(RunEndedError):
    """The API key has no requests left today."""


class TokenError(FatalSyncError):
    """There is no valid access token: nothing can be read, not just one item."""


class GoneError(SkippableAPIError):
    """The campaign or activity does not exist (404)."""


class NoStatsError(GoneError):
    """None of the requested activities has counters (404)."""


class MisunderstoodError(FatalAPIError):
    """The API did not understand a request (400)."""


class CursorRefusedError(FatalAPIError):
    """The link to a later page is no longer valid."""


class UnexplainedLimitError(RetriableAPIError):
    """A rate limit that the API does not name (429)."""


class GatewayTimeoutError(RetriableAPIError):
    """The service took too long for its gateway (504)."""


class SlowError(FatalAPIError):
    """A response timed out; one with fewer rows may not."""


class GarbledError(FatalAPIError):
    """A response is not UTF-8."""


class EndlessPagesError(FatalAPIError):
    """The pages never end; treating them as complete would lose rows."""


class TooManyPagesError(EndlessPagesError):
    """The lists of this run have too many pages in total."""


class TooLargeError(FatalAPIError):
    """A response is larger than a page can be; a smaller page may fit."""


@dataclass(frozen=True)
class Meaning:
    """What a status other than 200 means.

    Attributes:
        error: Decides what follows: RetriableAPIError is retried, TokenError and
            RunEndedError end the run, all others fail this request only.
        advice: What a person can do.
    """

    error: type[Exception]
    advice: str = ""


TEMPORARY = Meaning(RetriableAPIError)
MEANINGS: dict[int, Meaning] = {
    HTTPStatus.BAD_REQUEST: Meaning(
        MisunderstoodError, "the API did not understand the request"
    ),
    HTTPStatus.UNAUTHORIZED: Meaning(
        TokenError,
        "the access token is not valid: set refresh_token, or sign in again for a new "
        "access_token",
    ),
    HTTPStatus.FORBIDDEN: Meaning(
        FatalAPIError,
        "the token may not read reports: the application needs the scope "
        "campaign_data, and the user the privilege ui:campaign:metrics",
    ),
    HTTPStatus.NOT_FOUND: Meaning(GoneError, "not found: check api_url"),
    HTTPStatus.REQUEST_TIMEOUT: TEMPORARY,
    HTTPStatus.GONE: Meaning(GoneError),
    HTTPStatus.TOO_EARLY: TEMPORARY,
    HTTPStatus.TOO_MANY_REQUESTS: TEMPORARY,
    HTTPStatus.GATEWAY_TIMEOUT: Meaning(GatewayTimeoutError),
}


def meaning_of(status: int) -> Meaning:
    """Return what a status means if the body has no error key."""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Meaning(FatalAPIError, REDIRECTED)
    other = TEMPORARY if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
    return MEANINGS.get(status) or other or Meaning(FatalAPIError)


def error_of(response: Response) -> Exception:
    """Return the error for a response other than 200."""
    status, keys = response.status, error_keys(response.body)
    meaning = meaning_of(status)
    kind = meaning.error
    if status == HTTPStatus.TOO_MANY_REQUESTS and "quota_exceeded" in (keys or ()):
        return QuotaExceededError(QUOTA_EXCEEDED)
    if status == HTTPStatus.TOO_MANY_REQUESTS and not keys:
        kind = UnexplainedLimitError
    if keys is None and status in PROXY_STATUSES:
        kind = RetriableAPIError
    if kind is GoneError and any(key.startswith(NO_STATS) for key in keys or ()):
        kind = NoStatsError
    said = ", ".join(keys or ()) or printable(response.reason)
    about = f"{status} ({said}) for {path_of(response.url)}"
    return kind(about + (f": {meaning.advice}" if meaning.advice else ""))


def error_keys(content: bytes) -> list[str] | None:
    """Return each ``error_key`` in a body: an object, or a list of objects.

    The messages beside them are left out: they may repeat what was sent.

    Returns:
        None if the body is not the API's but, for example, a proxy's.
    """
    if not content.strip():
        return []
    try:
        body = decode(content)
    except ValueError:
        return None
    errors = body if isinstance(body, list) else [body]
    keys = [error.get("error_key") for error in errors if isinstance(error, dict)]
    return [str(key) for key in keys if is_key(key)][:MOST_KEYS]

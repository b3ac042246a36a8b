"""What can go wrong between the tap and the service, and what a person can do."""

from __future__ import annotations

from dataclasses import dataclass
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
    from tap_cc_clicks.api.transport import Response

# What a proxy or a CDN in front of the API may answer with a page of its own.
PROXY_STATUSES = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
# How the stats endpoint says that none of the activities has counters.
NO_STATS = "reportingsvc.not_found"
MOST_KEYS = 5
REDIRECTED = (
    "redirects are not followed, since the access token would go along: check api_url"
)
QUOTA_EXCEEDED = (
    "The API key has no requests left today; the day ends at 00:00 UTC, and the next "
    "run after that goes on from here"
)
LIKELY_QUOTA_EXCEEDED = (
    "The API answers 429 and does not say why, again and again: in all likelihood the "
    "API key has no requests left today. The day ends at 00:00 UTC, and the next run "
    "after that goes on from here"
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


class NoStatsError(GoneError):
    """None of the activities asked for has counters (404)."""


class MisunderstoodError(FatalAPIError):
    """The API did not understand a request (400)."""


class CursorRefusedError(FatalAPIError):
    """The link of a later page is not good any more."""


class UnexplainedLimitError(RetriableAPIError):
    """A limit was met, and the API does not say which (429)."""


class GatewayTimeoutError(RetriableAPIError):
    """The service took too long for its gateway (504)."""


class SlowError(FatalAPIError):
    """An answer does not come in time; one with fewer rows may."""


class GarbledError(FatalAPIError):
    """An answer is not UTF-8."""


class EndlessPagesError(FatalAPIError):
    """The pages come to no end; to take what was read for all would lose the rest."""


class TooManyPagesError(EndlessPagesError):
    """The lists of this run have too many pages altogether."""


class TooLargeError(FatalAPIError):
    """An answer is larger than a page can be; a smaller page may do."""


@dataclass(frozen=True)
class Meaning:
    """What an answer other than 200 means.

    Attributes:
        error: Its kind says what follows: RetriableAPIError has eight tries, TokenError
            and RunEndedError end the run, all others cost what was asked for.
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
        "the access token is not accepted: set refresh_token, or sign in again for a "
        "new access_token",
    ),
    HTTPStatus.FORBIDDEN: Meaning(
        FatalAPIError,
        "the token may not read reports: the application needs the scope "
        "campaign_data, and the user the privilege ui:campaign:metrics",
    ),
    HTTPStatus.NOT_FOUND: Meaning(GoneError, "nothing there: check api_url"),
    HTTPStatus.REQUEST_TIMEOUT: TEMPORARY,
    HTTPStatus.GONE: Meaning(GoneError),
    HTTPStatus.TOO_EARLY: TEMPORARY,
    HTTPStatus.TOO_MANY_REQUESTS: TEMPORARY,
    HTTPStatus.GATEWAY_TIMEOUT: Meaning(GatewayTimeoutError),
}


def meaning_of(status: int) -> Meaning:
    """Return what a status means where the body says no more."""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Meaning(FatalAPIError, REDIRECTED)
    other = TEMPORARY if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
    return MEANINGS.get(status) or other or Meaning(FatalAPIError)


def error_of(response: Response) -> Exception:
    """Return what an answer other than 200 means, as an error of a :class:`Meaning`."""
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
    # No body, no query.
    about = f"{status} ({said}) for {path_of(response.url)}"
    return kind(about + (f": {meaning.advice}" if meaning.advice else ""))


def error_keys(content: bytes) -> list[str] | None:
    """Return the ``error_key`` of each error in a body: an object, or a list of them.

    The messages beside them are left out: they may repeat what was sent.

    Returns:
        None for what no API says: a page of a proxy or a CDN.
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

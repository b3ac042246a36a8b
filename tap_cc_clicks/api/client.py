"""A plain client: GET requests with authorization, retries and decoding."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import backoff
import msgspec
import requests
from backoff.types import Details
from msgspec import Struct
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError

from tap_cc_clicks.api.auth import ConstantContactAuthenticator
from tap_cc_clicks.api.columns import Anomalies, Shape
from tap_cc_clicks.api.decoding import ANYTHING, decode
from tap_cc_clicks.api.errors import (
    LIKELY_QUOTA_EXCEEDED,
    CursorRefusedError,
    GarbledError,
    GatewayTimeoutError,
    GoneError,
    MisunderstoodError,
    QuotaExceededError,
    RunEndedError,
    SlowError,
    TokenError,
    TooLargeError,
    TooManyPagesError,
    UnexplainedLimitError,
    error_of,
)
from tap_cc_clicks.api.network import failure_reason
from tap_cc_clicks.api.pacing import RequestGate
from tap_cc_clicks.api.pages import (
    NextLinkPaginator,
    Page,
    PageBound,
    limit_of,
    next_link,
    with_limit,
)
from tap_cc_clicks.api.transport import Response, Transport
from tap_cc_clicks.api.urls import path_of

MAX_TRIES = 8
LONGEST_WAIT_SECONDS = 60
# The largest page of the API.
MOST_ROWS = 500
SMALLEST_PAGE = 50
UNANSWERED = (
    ConnectionResetError,
    requests.exceptions.Timeout,
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
# After this many timeouts in a row, smaller pages are requested.
SLOW_TRIES = 2
# The types of a decoded JSON object.
OBJECTS = (dict, Struct)

# Failures that a smaller page may avoid.
SLOW = (GatewayTimeoutError, requests.exceptions.ReadTimeout)


@dataclass(frozen=True)
class Form:
    """The form of an endpoint's responses.

    Attributes:
        rows: The key of its rows; empty where the response is a list of them, None
            where it is one object.
        decoder: Decodes a body that is as documented.
        most: The most rows of one response.
        required: Whether the key must be present; if not, a missing key means no rows.
        lenient: Whether invalid UTF-8 is replaced.
        shape: The known properties, where the decoder drops unknown ones.
        anomalies: Collects unknown and missing properties.
    """

    rows: str | None = None
    decoder: msgspec.json.Decoder[Any] = ANYTHING
    most: int = MOST_ROWS
    required: bool = True
    lenient: bool = False
    shape: Shape | None = None
    anomalies: Anomalies | None = None

    def body_of(self, response: Response) -> Any:
        """Return the decoded body.

        Raises:
            RetriableAPIError: It is truncated, not JSON, or of another form.
            GarbledError: It is not UTF-8.
            TooLargeError: It has more rows than a page can have.
        """
        path = path_of(response.url)
        content = _replaced(response.body) if self.lenient else response.body
        try:
            body = decode(content, self.decoder)
            whole = self._whole(content)
        except ValueError:
            if _is_garbled(content):
                message = f"The response of {path} is not UTF-8"
                raise GarbledError(message) from None
            message = f"The response of {path} is not JSON"
            raise RetriableAPIError(message) from None
        if not isinstance(body, list if self.rows == "" else OBJECTS) or (
            self.rows is not None and not _are_objects(self.rows_of(body))
        ):
            message = f"The response of {path} has no {self.rows or 'object'}"
            raise RetriableAPIError(message)
        if self.rows is not None and len(self.rows_of(body)) > self.most:
            message = f"The response of {path} has more rows than the API allows"
            raise TooLargeError(message)
        if self.anomalies and self.shape:
            self.anomalies.check(self.shape, whole)
        return body

    def _whole(self, content: bytes) -> Any:
        """Return the rows with all properties; none if their shape was checked."""
        looks = self.anomalies and self.shape and self.anomalies.is_new(self.shape)
        return self.rows_of(decode(content)) if looks else []

    def rows_of(self, body: Any) -> Any:
        if isinstance(body, list):
            return body
        key = self.rows or ""
        rows = body.get(key) if isinstance(body, dict) else getattr(body, key, None)
        return [] if rows is None and not self.required else rows


OBJECT, LIST = Form(), Form("")


class Client:
    """Sends requests to the API; knows none of its endpoints.

    Args:
        api_url: The base URL.
        transport: Sends the requests.
        authenticator: Authorizes them.
        gate: Limits their rate and number.
        logger: Logs retries.
        tries: How often a request is made at most.

    Attributes:
        response: The latest one.
    """

    def __init__(
        self,
        api_url: str,
        transport: Transport,
        authenticator: ConstantContactAuthenticator,
        gate: RequestGate,
        logger: logging.Logger,
        tries: int = MAX_TRIES,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self._transport = transport
        self._authenticator = authenticator
        self._gate = gate
        self._logger = logger
        self._tries = tries
        self._bound = PageBound()
        self.response: Response | None = None

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, form: Form = OBJECT
    ) -> Any:
        """Return the decoded response of one request.

        Args:
            path: Below the base URL, with quoted ids.
            params: The query.
            form: The expected form.

        Raises:
            GoneError: 404.
            RunEndedError: The budget or the day's quota is used up.
            FatalAPIError: All retries failed, or no retry would help.
        """
        return self._ask(self.api_url + path, params, form)

    def pages(self, path: str, form: Form, params: Mapping[str, Any]) -> Iterator[Page]:
        """Yield the pages of a list, each requested when it is needed.

        Args:
            path: Below the base URL, with quoted ids.
            form: The expected form of each page.
            params: The query of the first page, with ``limit``.

        Raises:
            EndlessPagesError: The links lead in a circle or never end.
            GoneError, RunEndedError, FatalAPIError: As in :meth:`get`.
        """
        paginator = NextLinkPaginator(self.api_url, self._bound)
        url = self.api_url + path
        while not paginator.finished:
            link = paginator.current_value
            page = self._later(link, form) if link else self._page(url, params, form)
            yield page
            try:
                paginator.advance(page)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
            except TooManyPagesError as error:
                self._gate.shut(RunEndedError(str(error)))
                raise

    def again(self, page: Page, form: Form) -> Page:
        """Request a page of a list again.

        Raises:
            CursorRefusedError: It no longer exists.
            RunEndedError, FatalAPIError: As in :meth:`get`.
        """
        return self._later(page.url, form)

    def _later(self, link: str, form: Form) -> Page:
        """Return a later page; a list whose first page exists is not gone."""
        try:
            return self._page(link, {}, form)
        except (GoneError, MisunderstoodError) as error:
            raise CursorRefusedError(str(error)) from None

    def _page(self, url: str, params: Mapping[str, Any], form: Form) -> Page:
        """Return a page; a smaller one if the API cannot deliver one of this size."""
        limit = int(params.get("limit") or limit_of(url) or MOST_ROWS)
        slow = 0

        def too_slow(error: Exception) -> bool:
            nonlocal slow
            slow += isinstance(error, SLOW)
            return slow >= SLOW_TRIES and limit > SMALLEST_PAGE

        while True:
            try:
                body = self._ask(url, params, form, too_slow)
            except (TooLargeError, SlowError):
                if limit <= SMALLEST_PAGE:
                    raise
                limit = max(limit // 2, SMALLEST_PAGE)
                params = {**params, "limit": limit} if params else {}
                url = with_limit(url, limit)
            else:
                asked = f"{url}?{urlencode(params)}" if params else url
                return Page(form.rows_of(body), asked, next_link(body))

    def _ask(
        self,
        url: str,
        params: Mapping[str, Any] | None,
        form: Form,
        give_up: Callable[[Exception], bool] = lambda _: False,
    ) -> Any:
        """Send a request with retries; ``give_up`` says whether a failure ends them."""
        ask = backoff.on_exception(
            waits,
            (RetriableAPIError, *UNANSWERED),
            max_tries=self._tries,
            giveup=give_up,
            on_backoff=self._log_retry,
            # Its own log lines contain URLs with queries.
            logger=None,
        )(self.attempt)
        try:
            try:
                return ask(url, params, form)
            except GarbledError as error:
                self._logger.warning("%s: invalid bytes are replaced", error)
                return ask(url, params, replace(form, lenient=True))
        except TokenError:
            raise
        except (RetriableAPIError, OSError) as error:
            if isinstance(error, UnexplainedLimitError) and self._tries > 1:
                self._gate.shut(QuotaExceededError(LIKELY_QUOTA_EXCEEDED))
                raise QuotaExceededError(LIKELY_QUOTA_EXCEEDED) from None
            kind = SlowError if isinstance(error, SLOW) else FatalAPIError
            raise kind(self._gave_up(url, error)) from error

    def _gave_up(self, url: str, error: Exception) -> str:
        if self._tries == 1:
            return _reason(error)
        return (
            f"Gave up on {path_of(url)} after {self._tries} tries; the last error: "
            f"{_reason(error)}. Nothing is lost: the next run reads it again"
        )

    def attempt(self, url: str, params: Mapping[str, Any] | None, form: Form) -> Any:
        """Send a request once, and return the decoded response.

        Raises:
            RetriableAPIError, OSError: A retry may succeed.
            GoneError, RunEndedError, FatalAPIError: As in :meth:`get`.
        """
        request = requests.Request(
            "GET", url, params=params, headers={"Accept": "application/json"}
        )
        prepared = request.prepare()
        token = self._authenticator.authorize(prepared)
        self._gate.enter()
        response = self.response = self._transport.send(prepared)
        if not response.ok:
            raise self._refusal(response, token)
        self._gate.succeeded()
        body = form.body_of(response)
        self._authenticator.accepted(token)
        return body

    def _refusal(self, response: Response, token: str) -> Exception:
        """Return the error of a response; inform the gate and the authenticator."""
        error = error_of(response)
        if isinstance(error, QuotaExceededError):
            self._gate.shut(error)
        elif response.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._gate.slow_down()
        elif response.status == HTTPStatus.UNAUTHORIZED and (
            self._authenticator.rejected(token)
        ):
            return RetriableAPIError(str(error))
        return error

    def _log_retry(self, details: Details) -> None:
        error: Any = details.get("exception")
        self._logger.warning(
            "Retrying in %.1f s: %s", details.get("wait"), _reason(error)
        )


def waits() -> Generator[float, Any, None]:
    """Yield the longest wait before each retry, in seconds."""
    return backoff.expo(max_value=LONGEST_WAIT_SECONDS)


def _reason(error: BaseException) -> str:
    if isinstance(error, RetriableAPIError):
        return str(error)
    return f"no response ({failure_reason(error)})"


def _is_garbled(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return True
    return False


def _replaced(content: bytes) -> bytes:
    return content.decode(errors="replace").encode()


def _are_objects(rows: object) -> bool:
    # Check each type once, not each row: every click passes here.
    return isinstance(rows, list) and all(
        issubclass(kind, OBJECTS) for kind in set(map(type, rows))
    )

"""A plain client: GET requests, authorized, repeated where that helps, and decoded."""

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
from tap_cc_clicks.api.kinds import Oddities, Shape
from tap_cc_clicks.api.network import unanswered
from tap_cc_clicks.api.pacing import RequestGate
from tap_cc_clicks.api.pages import (
    NextLinkPaginator,
    Page,
    PageBound,
    limit_of,
    next_link,
    with_limit,
)
from tap_cc_clicks.api.transport import Answer, Transport
from tap_cc_clicks.api.urls import path_of

MAX_TRIES = 8
LONGEST_WAIT_SECONDS = 60
# The API gives no page more rows, whatever is asked for.
MOST_ROWS = 500
SMALLEST_PAGE = 50
UNANSWERED = (
    ConnectionResetError,
    requests.exceptions.Timeout,
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
# A page that so often in a row did not come in time is asked for in smaller pieces.
SLOW_TRIES = 2
# What a JSON object is decoded into.
OBJECTS = (dict, Struct)


# What a page of fewer rows may cure.
SLOW = (GatewayTimeoutError, requests.exceptions.ReadTimeout)


@dataclass(frozen=True)
class Form:
    """The form of an endpoint's answers.

    Attributes:
        rows: Where an answer holds its rows; empty where it is a list of them, None
            where it is one object.
        decoder: Of what it is decoded into where it can be.
        most: More rows than these are none of the API's.
        required: Whether the rows may not be left out; if they may, there are none.
        lenient: Whether bytes that are no UTF-8 are replaced.
        shape: What rows hold, where the decoder leaves out what it does not know.
        oddities: Where it is noted what else they hold, or do not.
    """

    rows: str | None = None
    decoder: msgspec.json.Decoder[Any] = ANYTHING
    most: int = MOST_ROWS
    required: bool = True
    lenient: bool = False
    shape: Shape | None = None
    oddities: Oddities | None = None

    def body_of(self, answer: Answer) -> Any:
        """Return the body, decoded and found to be of this form.

        Raises:
            RetriableAPIError: It is cut short, not JSON, or of another form.
            GarbledError: It is not UTF-8.
            TooLargeError: It has more rows than a page can have.
        """
        path = path_of(answer.url)
        content = _replaced(answer.body) if self.lenient else answer.body
        try:
            body = decode(content, self.decoder)
            whole = self._whole(content)
        except ValueError:
            if _is_garbled(content):
                message = f"The answer of {path} is not UTF-8"
                raise GarbledError(message) from None
            message = f"The answer of {path} is not JSON"
            raise RetriableAPIError(message) from None
        if not isinstance(body, list if self.rows == "" else OBJECTS) or (
            self.rows is not None and not _are_objects(self.rows_of(body))
        ):
            message = f"The answer of {path} has no {self.rows or 'object'}"
            raise RetriableAPIError(message)
        if self.rows is not None and len(self.rows_of(body)) > self.most:
            message = f"The answer of {path} has more rows than any of the API's"
            raise TooLargeError(message)
        if self.oddities and self.shape:
            self.oddities.look(self.shape, whole)
        return body

    def _whole(self, content: bytes) -> Any:
        """Return the rows with all they hold; none if such were looked at before."""
        looks = self.oddities and self.shape and self.oddities.is_new(self.shape)
        return self.rows_of(decode(content)) if looks else []

    def rows_of(self, body: Any) -> Any:
        """Return the rows within a body."""
        if isinstance(body, list):
            return body
        key = self.rows or ""
        rows = body.get(key) if isinstance(body, dict) else getattr(body, key, None)
        return [] if rows is None and not self.required else rows


OBJECT, LIST = Form(), Form("")


class Client:
    """Asks the API, and knows none of its endpoints.

    Args:
        api_url: The base URL.
        transport: Sends the requests.
        authenticator: Authorizes them.
        gate: Lets each request through in its turn.
        logger: Where repeated requests are told.
        tries: How often a request is made at most.

    Attributes:
        answer: The last one that came, for those who ask one thing after the other.
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
        self.answer: Answer | None = None

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, form: Form = OBJECT
    ) -> Any:
        """Return the decoded answer of one request.

        Args:
            path: Below the base URL; ids in it are quoted.
            params: The query.
            form: What is expected.

        Raises:
            GoneError: 404.
            RunEndedError: The budget or the day's quota is used up.
            FatalAPIError: No retry helped, or none would.
        """
        return self._ask(self.api_url + path, params, form)

    def pages(self, path: str, form: Form, params: Mapping[str, Any]) -> Iterator[Page]:
        """Yield the pages of a list; each is asked for when it is wanted.

        Args:
            path: Below the base URL; ids in it are quoted.
            form: What is expected of each page.
            params: The query of the first page, with ``limit``; later pages are asked
                for by their link.

        Raises:
            EndlessPagesError: The links lead in a circle, or on and on.
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
        """Return a page of a list as it is now.

        Raises:
            CursorRefusedError: It is not there any more.
            RunEndedError, FatalAPIError: As in :meth:`get`.
        """
        return self._later(page.url, form)

    def _later(self, link: str, form: Form) -> Page:
        """Return a later page: what is there by half is not gone."""
        try:
            return self._page(link, {}, form)
        except (GoneError, MisunderstoodError) as error:
            raise CursorRefusedError(str(error)) from None

    def _page(self, url: str, params: Mapping[str, Any], form: Form) -> Page:
        """Return a page; a smaller one if the API cannot give one of this size."""
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
        """Ask, with all tries.

        Args:
            url: Where.
            params: The query.
            form: What is expected.
            give_up: Tells whether a failure ends the tries.
        """
        ask = backoff.on_exception(
            waits,
            (RetriableAPIError, *UNANSWERED),
            max_tries=self._tries,
            giveup=give_up,
            on_backoff=self._tell_backoff,
            # Its own lines would show URLs with their queries.
            logger=None,
        )(self.attempt)
        try:
            try:
                return ask(url, params, form)
            except GarbledError as error:
                self._logger.warning("%s: what cannot be read is replaced", error)
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
            f"Gave up on {path_of(url)} after {self._tries} tries; the last: "
            f"{_reason(error)}. Nothing is lost: the next run reads it again"
        )

    def attempt(self, url: str, params: Mapping[str, Any] | None, form: Form) -> Any:
        """Ask once, and return the decoded answer.

        Raises:
            RetriableAPIError, OSError: Another try may succeed.
            GoneError, RunEndedError, FatalAPIError: As in :meth:`get`.
        """
        request = requests.Request(
            "GET", url, params=params, headers={"Accept": "application/json"}
        )
        prepared = request.prepare()
        token = self._authenticator.authorize(prepared)
        self._gate.enter()
        answer = self.answer = self._transport.send(prepared)
        if not answer.ok:
            raise self._refusal(answer, token)
        self._gate.succeeded()
        body = form.body_of(answer)
        self._authenticator.accepted(token)
        return body

    def _refusal(self, answer: Answer, token: str) -> Exception:
        """Return what an answer means, and let gate and authenticator know."""
        error = error_of(answer)
        if isinstance(error, QuotaExceededError):
            self._gate.shut(error)
        elif answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._gate.slow_down()
        elif answer.status == HTTPStatus.UNAUTHORIZED and (
            self._authenticator.rejected(token)
        ):
            return RetriableAPIError(str(error))
        return error

    def _tell_backoff(self, details: Details) -> None:
        error: Any = details.get("exception")
        self._logger.warning(
            "Trying again in %.1f s: %s", details.get("wait"), _reason(error)
        )


def waits() -> Generator[float, Any, None]:
    """Yield the longest seconds to wait before each further try."""
    return backoff.expo(max_value=LONGEST_WAIT_SECONDS)


def _reason(error: BaseException) -> str:
    if isinstance(error, RetriableAPIError):
        return str(error)
    return f"no answer ({unanswered(error)})"


def _is_garbled(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return True
    return False


def _replaced(content: bytes) -> bytes:
    return content.decode(errors="replace").encode()


def _are_objects(rows: object) -> bool:
    # Kind by kind instead of row by row: every click passes here.
    return isinstance(rows, list) and all(
        issubclass(kind, OBJECTS) for kind in set(map(type, rows))
    )

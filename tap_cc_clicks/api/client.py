"""The base of all streams: URLs, requests, parsing, and what each error means."""

from __future__ import annotations

import logging
import math
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import backoff
import requests
from msgspec import Struct
from singer_sdk import RESTStream, StreamSchema, metrics
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError, SkippableAPIError
from singer_sdk.schema.source import SchemaDirectory
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from tap_cc_clicks.limits import QuotaExceededError
from tap_cc_clicks.network import unanswered
from tap_cc_clicks.pagination import EndlessPagesError, Envelope, NextLinkPaginator
from tap_cc_clicks.parsing import body_of, decode
from tap_cc_clicks.progress import RunCounter, SilentTimer
from tap_cc_clicks.state import OwnState

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from backoff.types import Details
    from singer_sdk.helpers.types import Auth, Context, Record, RequestFunc
    from singer_sdk.streams._state import StreamStateManager
    from singer_sdk.streams.rest import PageContext

    from tap_cc_clicks.run import Run, RunTap
    from tap_cc_clicks.settings import Settings

SCHEMAS = SchemaDirectory(Path(__file__).parent / "schemas")
MAX_TRIES = 8
LONGEST_WAIT_SECONDS = 60
TIMEOUT_SECONDS = 90

# What a person can do about an answer that no retry will better.
ADVICE = {
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
UNANSWERED = (
    ConnectionResetError,
    requests.exceptions.Timeout,
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
# What a JSON object is decoded into.
OBJECTS = (dict, Struct)
RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


class GoneError(SkippableAPIError):
    """The campaign or activity asked for is no longer there (404)."""


class ConstantContactStream(RESTStream[Any]):
    """A stream of the Constant Contact V3 API."""

    schema: ClassVar[StreamSchema] = StreamSchema(SCHEMAS)
    records_key: ClassVar[str | None] = None
    """Where an answer holds its records; None where the answer is one object."""
    paged: ClassVar[bool] = True
    body_type: ClassVar[Any] = Any
    """What an answer is decoded into where it can be."""

    allow_redirects = False
    # One line per request would drown the progress line.
    _LOG_REQUEST_METRICS = False
    incomplete = False
    """Whether some pages could not be reached."""
    _schema_written = False
    _version_written = False
    _tap: RunTap

    @property
    def run(self) -> Run:
        """What all streams of this run share."""
        return self._tap.run

    @property
    def settings(self) -> Settings:
        """What a person set."""
        return self._tap.run.settings

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["api_url"]).rstrip("/")

    @property
    @override
    def authenticator(self) -> Auth:
        return self.run.authenticator

    @property
    @override
    def requests_session(self) -> requests.Session:
        return self.run.session

    @cached_property
    @override
    def user_agent(self) -> str:
        return f"tap-cc-clicks/{self._tap.plugin_version}"

    @property
    @override
    def timeout(self) -> int:
        return TIMEOUT_SECONDS

    @override
    def get_new_paginator(self) -> NextLinkPaginator:
        return NextLinkPaginator(self.url_base)

    @override
    def get_http_request(self, *, page: PageContext[Any]) -> HTTPRequest:
        if page.next_page_token:
            # The link's own query replaces the parameters, it does not add to them.
            return HTTPRequest(
                url=page.next_page_token.geturl(), headers=self.http_headers
            )
        return super().get_http_request(page=page)

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {"Accept": "application/json"}

    @override
    def get_url_params(
        self, context: Context | None, next_page_token: object
    ) -> dict[str, Any]:
        if not self.paged:
            return {}
        return {"limit": (context or {}).get("limit", self.settings.page_size)}

    @override
    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        """Yield the answer as a whole, so that readers see where a page ends."""
        yield body_of(response, self.body_type)

    def pages(self, context: Context | None = None) -> Iterator[list[dict[str, Any]]]:
        """Yield each page's rows; a page is asked for when it is wanted."""
        for body in self.request_records(context):
            yield self._rows(body)

    def reachable_pages(self) -> Iterator[list[dict[str, Any]]]:
        """Yield each page's rows; where the pages come to no end, warn and stop."""
        try:
            yield from self.pages()
        except EndlessPagesError as error:
            self.logger.warning("%s", error)
            self.incomplete = True

    def fetch(self, context: Context) -> dict[str, Any]:
        """Return the answer of an endpoint that gives one object."""
        return next(iter(self.request_records(context)))

    @cached_property
    def state_manager(self) -> StreamStateManager:
        """State that moves when the stream says so, not with each record."""
        return OwnState(self.name, self._tap_state)

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        """Sync, and leave state and counts behind whatever happens."""
        try:
            yield from super()._sync_records(context, write_messages=write_messages)
        finally:
            # In BATCH mode records may still wait for their message.
            if write_messages and not context:
                self._tap.state_writer.flush(self.tap_state)
                self.run.tell_counts()

    @override
    def finalize_state_progress_markers(
        self, state: dict[str, Any] | None = None
    ) -> None:
        super().finalize_state_progress_markers(state)
        self._tap.state_writer.flush(self.tap_state)

    @override
    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        for page in self.pages(context):
            yield from page

    @override
    def validate_response(self, response: requests.Response) -> None:
        """Sort an answer into good, gone, worth another try, and hopeless.

        Raises:
            GoneError: 404.
            QuotaExceededError: The API key has no requests left today.
            RetriableAPIError: Another try may succeed.
            FatalAPIError: No retry will better it.
        """
        status = response.status_code
        if status == HTTPStatus.OK:
            self._validate_body(response)
            self.run.authenticator.accepted()
            return
        message = self.response_error_message(response)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            if "quota_exceeded" in error_keys(response.content):
                self.run.gate.shut(QuotaExceededError(QUOTA_EXCEEDED))
                raise QuotaExceededError(QUOTA_EXCEEDED)
            self.run.gate.slow_down()
            raise RetriableAPIError(message, response)
        if status == HTTPStatus.UNAUTHORIZED and self._renewable(response):
            raise RetriableAPIError(message, response)
        if status == HTTPStatus.NOT_FOUND:
            raise GoneError(message)
        if status in RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RetriableAPIError(message, response)
        raise FatalAPIError(message)

    def _validate_body(self, response: requests.Response) -> None:
        """Refuse a body that is cut short, not JSON, or not of the documented shape."""
        path = urlsplit(response.url).path
        try:
            body = body_of(response, self.body_type)
        except ValueError:
            message = f"The answer of {path} is not JSON"
            raise RetriableAPIError(message, response) from None
        if not isinstance(body, (dict, Envelope)) or (
            self.records_key and not _is_list_of_objects(self._rows(body))
        ):
            message = f"The answer of {path} has no {self.records_key or 'object'}"
            raise RetriableAPIError(message, response)

    def _rows(self, body: dict[str, Any] | Envelope) -> Any:
        key = self.records_key or ""
        return body.get(key) if isinstance(body, dict) else getattr(body, key, None)

    def _renewable(self, response: requests.Response) -> bool:
        sent = str(response.request.headers.get("Authorization", ""))
        return self.run.authenticator.rejected(sent.removeprefix("Bearer "))

    @override
    def response_error_message(self, response: requests.Response) -> str:
        """Say what was asked, what came back, and what to do; no body, no query."""
        status = response.status_code
        keys = ", ".join(error_keys(response.content)) or response.reason
        advice = REDIRECTED if response.is_redirect else ADVICE.get(status)  # type: ignore[call-overload]
        path = urlsplit(response.url).path
        return f"{status} ({keys}) for {path}" + (f": {advice}" if advice else "")

    @override
    def request_decorator(self, func: RequestFunc) -> RequestFunc:
        """Retry as the SDK does, without the URLs in its log; end in one sentence."""
        retrying = backoff.on_exception(
            self.backoff_wait_generator,
            (RetriableAPIError, *UNANSWERED),
            max_tries=self.backoff_max_tries,
            on_backoff=self.backoff_handler,
            jitter=self.backoff_jitter,
            logger=None,
        )(func)

        def request(
            prepared: requests.PreparedRequest, context: Context | None
        ) -> requests.Response:
            try:
                return retrying(prepared, context)
            except (RetriableAPIError, OSError) as error:
                raise FatalAPIError(_given_up(prepared, error)) from None

        return request

    @override
    def backoff_wait_generator(self) -> Generator[float, None, None]:
        return backoff.expo(max_value=LONGEST_WAIT_SECONDS)

    @override
    def backoff_max_tries(self) -> int:
        return MAX_TRIES

    @override
    def backoff_handler(self, details: Details) -> None:
        error: Any = details.get("exception")
        self.logger.warning(
            "Trying again in %.1f s: %s", details.get("wait"), _reason(error)
        )

    @override
    def log(
        self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any
    ) -> None:
        """Log, but keep what the SDK says about each single activity to debugging."""
        if self.parent_stream_type and level == logging.INFO:
            level = logging.DEBUG
        super().log(message, *args, level=level, **kwargs)

    @override
    def _write_schema_message(self) -> None:
        """Write the SCHEMA once, however often the stream is synced."""
        if not self._schema_written:
            super()._write_schema_message()
            self._schema_written = True

    def write_schema_once(self) -> None:
        """Write the SCHEMA now, so that the table is there even without records."""
        self._write_schema_message()

    @override
    def _write_activate_version_message(self, full_table_version: int) -> None:
        if not self._version_written:
            super()._write_activate_version_message(full_table_version)
            self._version_written = True

    @cached_property
    def _record_counter(self) -> RunCounter:
        tags = {metrics.Tag.STREAM: self.name}
        return self.run.counter(metrics.Metric.RECORD_COUNT, tags)

    @override
    def get_record_counter(
        self, *, endpoint: str | None = None, log_interval: float = 0
    ) -> metrics.Counter:
        return self._record_counter

    @override
    def get_sync_timer(self) -> metrics.Timer:
        return SilentTimer(metrics.Metric.SYNC_DURATION)

    @override
    def get_http_request_counter(self) -> metrics.Counter:
        # Never heard: the gate counts, and leaves no refused or repeated request out.
        return RunCounter(metrics.Metric.HTTP_REQUEST_COUNT, log_interval=math.inf)


def _is_list_of_objects(rows: object) -> bool:
    # Kind by kind instead of row by row: every click passes here.
    return isinstance(rows, list) and all(
        issubclass(kind, OBJECTS) for kind in set(map(type, rows))
    )


def error_keys(content: bytes) -> list[str]:
    """Return the ``error_key`` of each error in a body: an object, or a list of them.

    The messages beside them are left alone: they may repeat what was sent.
    """
    try:
        body = decode(content)
    except ValueError:
        return []
    errors = body if isinstance(body, list) else [body]
    keys = [error.get("error_key") for error in errors if isinstance(error, dict)]
    return [key for key in keys if isinstance(key, str)]


def _reason(error: BaseException) -> str:
    if isinstance(error, RetriableAPIError):
        return str(error)
    return f"no answer ({unanswered(error)})"


def _given_up(prepared: requests.PreparedRequest, error: Exception) -> str:
    path = urlsplit(prepared.url or "").path
    return (
        f"Gave up on {path} after {MAX_TRIES} tries; the last: {_reason(error)}. "
        "Nothing is lost: the next run reads it again"
    )

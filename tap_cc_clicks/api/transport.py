"""Sending requests over connections that are kept open; reading answers in bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.api.response_body import ACCEPT_ENCODING, read_body
from tap_cc_clicks.api.text import printable
from tap_cc_clicks.api.urls import Origin, origin

TIMEOUT_SECONDS = 90
USER_AGENT = f"tap-cc-clicks/{version('tap-cc-clicks')}"


@dataclass(frozen=True)
class Response:
    """What came back for a request.

    Attributes:
        url: What was asked.
        reason: The usual words for the status: the server's own could be anything.
        date: The server's clock, as the header has it.
        headers: The names of all headers.
        body: All of it, unpacked.
    """

    url: str
    status: int
    reason: str = ""
    date: str = ""
    headers: tuple[str, ...] = ()
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the request was understood and granted."""
        return self.status == HTTPStatus.OK


class Transport:
    """Sends prepared requests, and nothing along with them.

    A prepared request has no credentials of ``~/.netrc``; the session keeps no cookies.

    Args:
        connections: How many requests may be under way at once.
        timeout: Seconds to wait for a connection, and between two bytes.
    """

    def __init__(self, connections: int, timeout: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._environments: dict[Origin, Mapping[str, Any]] = {}
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=connections + 1))

    def send(self, request: requests.PreparedRequest) -> Response:
        """Send a request once, and return what came back; redirects among it.

        Raises:
            RequestException: No answer came, or not all of it.
            TooLargeError: It is larger than any page of the API.
        """
        url = str(request.url)
        request.headers["Accept-Encoding"] = ACCEPT_ENCODING
        request.headers["User-Agent"] = USER_AGENT
        response = self._session.send(
            request,
            stream=True,
            timeout=self._timeout,
            allow_redirects=False,
            **self._environment(origin(url)),
        )
        return Response(
            url=url,
            status=response.status_code,
            reason=responses.get(response.status_code, "unknown status"),
            date=response.headers.get("Date", ""),
            headers=tuple(response.headers),
            body=read_body(response),
        )

    def _environment(self, where: Origin) -> Mapping[str, Any]:
        """Return what the environment says of proxy and CA for an origin.

        It costs as much as to decode a page, so it is looked up once.
        """
        if where not in self._environments:
            url = f"{where.scheme}://{where.host}:{where.port}"
            found = self._session.merge_environment_settings(url, {}, None, None, None)
            if where.scheme == "https":
                _check_certificates(found["verify"])
            self._environments[where] = {
                "proxies": found["proxies"],
                "verify": found["verify"],
                "cert": found["cert"],
            }
        return self._environments[where]


def _check_certificates(verify: object) -> None:
    """See that the trusted certificates are there: else each request would fail.

    Raises:
        InputError: They are not.
    """
    if isinstance(verify, str) and not Path(verify).exists():
        message = (
            f"There are no certificates in {printable(verify)}: correct "
            "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, or leave them out"
        )
        raise InputError(message)

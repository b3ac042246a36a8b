"""Sending requests over pooled connections."""

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
        url: The requested URL.
        reason: The standard phrase for the status, not the server's.
        date: The ``Date`` header.
        headers: The names of all headers.
        body: The whole body, decompressed.
    """

    url: str
    status: int
    reason: str = ""
    date: str = ""
    headers: tuple[str, ...] = ()
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the status is 200."""
        return self.status == HTTPStatus.OK


class Transport:
    """Sends prepared requests without cookies or credentials of ``~/.netrc``.

    Args:
        connections: The most requests at once.
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
        """Send a request once, without following redirects.

        Raises:
            RequestException: No response, or an incomplete one.
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
        """Return proxy and CA settings of the environment for an origin.

        Cached: finding them takes as long as decoding a page.
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
    """Check that the CA bundle exists.

    Raises:
        InputError: It does not.
    """
    if isinstance(verify, str) and not Path(verify).exists():
        message = (
            f"The CA bundle {printable(verify)} does not exist: correct or unset "
            "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE"
        )
        raise InputError(message)

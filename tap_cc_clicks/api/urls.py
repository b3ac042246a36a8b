"""URLs, parsed by urllib3, which also sends the requests.

The standard library and urllib3 disagree about URLs with a backslash. An origin that is
checked by one and connected to by the other would leak the access token. So every URL
is parsed here, and ambiguous ones are refused.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urljoin

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

DEFAULT_PORTS = {"https": 443, "http": 80}
# A cursor of the API has a few hundred bytes.
LONGEST_URL = 8192
# Parsers disagree about control characters, spaces and backslashes.
FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\\]")


class Origin(NamedTuple):
    """Scheme, host and port."""

    scheme: str
    host: str
    port: int


@lru_cache(maxsize=64)
def parsed(url: str) -> Url:
    """Return the parts of an absolute http or https URL.

    Raises:
        ValueError: It is not one, is longer than 8 KB, or contains a backslash, a
            control character or credentials.
    """
    if len(url) > LONGEST_URL or FORBIDDEN.search(url):
        message = "a URL that is too long or has invalid characters"
        raise ValueError(message)
    try:
        parts = parse_url(url)
    except LocationParseError:
        message = "not a URL"
        raise ValueError(message) from None
    if parts.scheme not in DEFAULT_PORTS or not parts.host or parts.auth is not None:
        message = "not an http or https URL of a host, without credentials"
        raise ValueError(message)
    return parts


def origin(url: str) -> Origin:
    """Return scheme, host and port of a URL; the default port is filled in.

    Raises:
        ValueError: As in :func:`parsed`.
    """
    parts = parsed(url)
    scheme, host = str(parts.scheme), str(parts.host)
    return Origin(scheme, host.lower(), parts.port or DEFAULT_PORTS[scheme])


def joined(base: str, href: str) -> str:
    """Return a link as an absolute URL.

    Raises:
        ValueError: As in :func:`parsed`.
    """
    if len(href) > LONGEST_URL or FORBIDDEN.search(href):
        message = "a link that is too long or has invalid characters"
        raise ValueError(message)
    url = urljoin(base, href)
    parsed(url)
    return url


def path_of(url: str | None) -> str:
    """Return the path of a URL for messages; a slash if it has none."""
    try:
        return parsed(url or "").path or "/"
    except ValueError:
        return "/"


def quoted(identifier: str) -> str:
    """Return an id as one segment of a path.

    Raises:
        ValueError: It is empty or a dot segment, which would lead to another path.
    """
    if identifier in {"", ".", ".."}:
        message = "an id that cannot be part of a path"
        raise ValueError(message)
    return quote(identifier, safe="")


def is_safe(url: str) -> bool:
    """Whether a token may be sent there: by https, or within this machine."""
    try:
        where = origin(url)
    except ValueError:
        return False
    return where.scheme == "https" or _is_loopback(where.host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"

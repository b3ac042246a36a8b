"""Following the API's next links."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import msgspec
from singer_sdk.exceptions import FatalAPIError
from singer_sdk.pagination import BaseHATEOASPaginator
from typing_extensions import override

from tap_cc_clicks.parsing import body_of

if TYPE_CHECKING:
    import requests

DEFAULT_PORTS = {"https": 443, "http": 80}


class _Link(msgspec.Struct):
    href: str | None = None


class _Links(msgspec.Struct):
    next: _Link | None = None


class Envelope(msgspec.Struct):
    """What every page may have around its records: the next link."""

    links: _Links | None = msgspec.field(default=None, name="_links")


class NextLinkPaginator(BaseHATEOASPaginator):
    """Follows ``_links.next.href``, but never to another origin.

    Args:
        api_url: The base URL of the API; links must stay on its origin, because the
            access token goes with every request.
    """

    def __init__(self, api_url: str) -> None:
        """Remember where links may lead, and every link followed."""
        super().__init__()
        self._origin = origin(api_url)
        self._followed: set[str] = set()

    @override
    def get_next_url(self, response: requests.Response) -> str | None:
        """Return the absolute next link, or None at the end.

        A link seen before would lead in a circle: the pages end there.

        Raises:
            FatalAPIError: The link leads to another origin.
        """
        href = next_href(body_of(response))
        if not href:
            return None
        url = urljoin(response.url, href)
        if origin(url) != self._origin:
            path = urlsplit(response.url).path
            message = (
                f"The next link of {path} leads to another server than api_url; it was "
                "not followed, so that the access token stays where it belongs"
            )
            raise FatalAPIError(message)
        if url in self._followed:
            return None
        self._followed.add(url)
        return url


def next_href(body: object) -> str | None:
    """Return ``_links.next.href`` of a decoded body, or None.

    Raises:
        FatalAPIError: The links are not shaped as documented; to take that for the end
            would lose the pages behind it.
    """
    try:
        envelope = (
            body if isinstance(body, Envelope) else msgspec.convert(body, type=Envelope)
        )
    except msgspec.ValidationError as error:
        message = "The API's answer holds a next link that cannot be understood"
        raise FatalAPIError(message) from error
    link = envelope.links.next if envelope.links else None
    return link.href if link else None


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL, with default ports filled in."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port

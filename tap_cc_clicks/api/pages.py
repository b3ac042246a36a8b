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

# More pages than a day's quota could bring: no listing is as long.
MOST_PAGES = 10_000
MISSHAPEN_LINK = "The API's answer holds a next link that cannot be understood"
DEFAULT_PORTS = {"https": 443, "http": 80}


class EndlessPagesError(FatalAPIError):
    """The pages come to no end; to take what was read for all would lose the rest."""

    def __init__(self, path: str) -> None:
        """Say what is wrong with the pages of a path."""
        super().__init__(
            f"The pages of {path} come to no end: their links lead in a circle, or to "
            f"more than {MOST_PAGES:,} pages. Its bookmark stays where it was; if the "
            "next run says the same, tell the API's support"
        )


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

        Raises:
            FatalAPIError: The link leads to another origin.
            EndlessPagesError: The links lead in a circle, or on and on.
        """
        href = next_href(body_of(response))
        if not href:
            return None
        path = urlsplit(response.url).path
        url = _joined(response.url, href)
        if origin(url) != self._origin:
            message = (
                f"The next link of {path} leads to another server than api_url; it was "
                "not followed, so that the access token stays where it belongs"
            )
            raise FatalAPIError(message)
        if url in self._followed or len(self._followed) == MOST_PAGES:
            raise EndlessPagesError(path)
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
        raise FatalAPIError(MISSHAPEN_LINK) from error
    link = envelope.links.next if envelope.links else None
    return link.href if link else None


def _joined(url: str, href: str) -> str:
    """Return an absolute link whose origin can be told.

    Raises:
        FatalAPIError: It is none.
    """
    try:
        joined = urljoin(url, href)
        origin(joined)
    except ValueError:
        raise FatalAPIError(MISSHAPEN_LINK) from None
    return joined


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL, with default ports filled in."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port

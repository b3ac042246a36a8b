"""Pages of a list, and the next links between them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import msgspec
from singer_sdk.exceptions import FatalAPIError
from singer_sdk.pagination import BaseAPIPaginator
from typing_extensions import override

from tap_cc_clicks.api.errors import EndlessPagesError, TooManyPagesError
from tap_cc_clicks.api.urls import Origin, joined, origin, path_of

# No known list has more pages. Pages beyond this are counted over all lists of a run,
# up to the second limit.
LONG_LIST = 500
MOST_FURTHER_PAGES = 10_000
MISSHAPEN_LINK = "The API returned an invalid next link"
BOOKMARK_STAYS = (
    "What was read is loaded; the bookmark does not move. If it happens again, contact "
    "the API's support"
)
LIMIT = re.compile(r"(?<=[?&]limit=)\d+")


class _Link(msgspec.Struct):
    href: str | None = None


class _Links(msgspec.Struct):
    next: _Link | None = None


class Envelope(msgspec.Struct):
    """The part of a page besides its rows: the next link."""

    links: _Links | None = msgspec.field(default=None, name="_links")


@dataclass(frozen=True)
class Page:
    """A page of a list.

    Attributes:
        rows: The decoded rows.
        url: The requested URL.
        link: The next link as received; None on the last page.
    """

    rows: list[Any]
    url: str
    link: str | None = None


class PageBound:
    """Limits how many pages the long lists of a run may have in total."""

    def __init__(self) -> None:
        self._further = 0

    def passed(self, pages: int) -> bool:
        """Note that a list continues after so many pages; whether that is too many."""
        self._further += pages >= LONG_LIST
        return pages >= LONG_LIST and self._further > MOST_FURTHER_PAGES


class NextLinkPaginator(BaseAPIPaginator[str | None]):
    """Follows next links, within one origin and each only once.

    Args:
        api_url: The base URL of the API; links must stay on its origin, because every
            request carries the access token.
        bound: Shared by all lists of a run.
    """

    def __init__(self, api_url: str, bound: PageBound) -> None:
        super().__init__(None)
        self._origin: Origin = origin(api_url)
        self._bound = bound
        self._followed: set[bytes] = set()

    @override
    def get_next(self, response: Any) -> str | None:
        """Return the absolute next link of a :class:`Page`, or None at the end.

        Raises:
            FatalAPIError: The link is invalid, or leads to another origin.
            EndlessPagesError: The links lead in a circle or never end.
        """
        page: Page = response
        if not page.link:
            return None
        path = path_of(page.url)
        try:
            url = joined(page.url, page.link)
        except ValueError:
            raise FatalAPIError(MISSHAPEN_LINK) from None
        if origin(url) != self._origin:
            message = (
                f"The next link of {path} leads to another server than api_url: not "
                "followed, to protect the access token"
            )
            raise FatalAPIError(message)
        # A digest: a link may have 8 KB.
        digest = hashlib.sha256(url.encode()).digest()
        if digest in self._followed:
            message = f"The next links of {path} lead in a circle. {BOOKMARK_STAYS}"
            raise EndlessPagesError(message)
        if self._bound.passed(self.count):
            message = (
                f"The list {path} does not end after {self.count:,} pages. "
                f"{BOOKMARK_STAYS}"
            )
            raise TooManyPagesError(message)
        self._followed.add(digest)
        return url


def next_link(body: object) -> str | None:
    """Return ``_links.next.href`` of a decoded body, or None.

    Raises:
        FatalAPIError: The links are not as documented; treating them as the end would
            lose pages.
    """
    if isinstance(body, Envelope):
        link = body.links.next if body.links else None
        return link.href if link else None
    part = body
    for name in ("_links", "next", "href"):
        if not isinstance(part, dict):
            raise FatalAPIError(MISSHAPEN_LINK)
        part = part.get(name)
        if part in (None, "", {}, []):
            return None
    if not isinstance(part, str):
        raise FatalAPIError(MISSHAPEN_LINK)
    return part


def limit_of(url: str) -> int | None:
    """Return the page size in a URL, if it has one."""
    found = LIMIT.search(url)
    return int(found.group()) if found else None


def with_limit(url: str, limit: int) -> str:
    """Return a URL with another page size, if it has one."""
    return LIMIT.sub(str(limit), url)

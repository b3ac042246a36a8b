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

# A list of so many pages is longer than any that was heard of. What goes on beyond is
# counted over all lists of a run, which together may go so much further.
LONG_LIST = 500
MOST_FURTHER_PAGES = 10_000
MISSHAPEN_LINK = "The API's answer holds a next link that cannot be understood"
BOOKMARK_STAYS = (
    "What was read is loaded, the bookmark stays where it was; if the next run says "
    "the same, tell the API's support"
)
LIMIT = re.compile(r"(?<=[?&]limit=)\d+")


class _Link(msgspec.Struct):
    href: str | None = None


class _Links(msgspec.Struct):
    next: _Link | None = None


class Envelope(msgspec.Struct):
    """What every page may have around its rows: the next link."""

    links: _Links | None = msgspec.field(default=None, name="_links")


@dataclass(frozen=True)
class Page:
    """A page of a list.

    Attributes:
        rows: As they were decoded.
        url: Where it was asked for.
        link: Its next link as it was given, or None on the last page.
    """

    rows: list[Any]
    url: str
    link: str | None = None


class PageBound:
    """Counts the pages of a run's long lists, and tells when they are too many."""

    def __init__(self) -> None:
        self._further = 0

    def passed(self, pages: int) -> bool:
        """Note that a list goes on after so many pages; tell whether it must not."""
        self._further += pages >= LONG_LIST
        return pages >= LONG_LIST and self._further > MOST_FURTHER_PAGES


class NextLinkPaginator(BaseAPIPaginator[str | None]):
    """Follows next links, but never to another origin, and none twice.

    Args:
        api_url: The base URL of the API; links must stay on its origin, because the
            access token goes with every request.
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
            FatalAPIError: The link is none, or leads to another origin.
            EndlessPagesError: The links lead in a circle, or on and on.
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
                f"The next link of {path} leads to another server than api_url; it was "
                "not followed, so that the access token stays where it belongs"
            )
            raise FatalAPIError(message)
        # A digest, since a link may have 8 KB.
        digest = hashlib.sha256(url.encode()).digest()
        if digest in self._followed:
            message = f"The pages of {path} lead in a circle. {BOOKMARK_STAYS}"
            raise EndlessPagesError(message)
        if self._bound.passed(self.count):
            message = (
                f"The pages of {path} come to no end, after {self.count:,} of them. "
                f"{BOOKMARK_STAYS}"
            )
            raise TooManyPagesError(message)
        self._followed.add(digest)
        return url


def next_link(body: object) -> str | None:
    """Return ``_links.next.href`` of a decoded body, or None.

    Raises:
        FatalAPIError: The links are not shaped as documented; to take that for the end
            would lose the pages behind it.
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
    """Return the page size that a next link asks for, if it names one."""
    found = LIMIT.search(url)
    return int(found.group()) if found else None


def with_limit(url: str, limit: int) -> str:
    """Return a next link that asks for pages of another size, if it names one."""
    return LIMIT.sub(str(limit), url)

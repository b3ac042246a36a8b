"""Next links are followed, on pages made by hand."""

from __future__ import annotations

from typing import Any

import pytest
from singer_sdk.exceptions import FatalAPIError

from tap_cc_clicks.api import pages
from tap_cc_clicks.api.errors import EndlessPagesError, TooManyPagesError
from tap_cc_clicks.api.pages import NextLinkPaginator, Page, PageBound, next_link

API = "https://api.example.com/v3"
EMPTY: dict[str, Any] = {}


def paginator_of(bound: PageBound | None = None) -> NextLinkPaginator:
    """Return a paginator for a new list."""
    return NextLinkPaginator(API, bound or PageBound())


def page(href: Any, url: str = f"{API}/emails?limit=2") -> Page:
    """Return a page with this next link in its body."""
    return Page([], url, next_link({"_links": {"next": {"href": href}}}))


@pytest.mark.parametrize(
    "href",
    [
        "/v3/emails?limit=2&cursor=a%2Fb%3D",
        "https://api.example.com/v3/emails?limit=2&cursor=a%2Fb%3D",
        "https://API.example.com:443/v3/emails?limit=2&cursor=a%2Fb%3D",
        "?limit=2&cursor=a%2Fb%3D",
    ],
)
def test_a_link_is_followed_with_its_query_unchanged(href: str) -> None:
    """Relative and absolute links are neither decoded nor extended."""
    url = paginator_of().get_next(page(href))
    assert url is not None
    assert url.endswith("/v3/emails?limit=2&cursor=a%2Fb%3D")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"_links": EMPTY},
        {"_links": None},
        {"_links": {"next": None}},
        {"_links": {"next": EMPTY}},
        {"_links": {"next": {"href": None}}},
        {"_links": {"next": {"href": ""}}},
        {"_links": {"next": ""}},
        {"_links": []},
    ],
    ids=str,
)
def test_pages_end_without_a_link(body: dict[str, Any]) -> None:
    """A link may be missing in several ways."""
    last = Page([], f"{API}/emails", next_link(body))
    assert paginator_of().get_next(last) is None


@pytest.mark.parametrize("links", [[1], "next", {"next": "x"}, {"next": {"href": 0}}])
def test_an_invalid_link_does_not_end_the_pages(links: Any) -> None:
    """Otherwise the following pages would be lost."""
    with pytest.raises(FatalAPIError, match="invalid next link"):
        next_link({"_links": links})


@pytest.mark.parametrize(
    "href",
    [
        "https://elsewhere.example.com/v3/emails?cursor=a",
        "//elsewhere.example.com/v3/emails",
        "http://api.example.com/v3/emails",
        "https://api.example.com:8443/v3/emails",
    ],
)
def test_a_link_to_another_origin_is_not_followed(href: str) -> None:
    """The token would be sent along; the error does not name the other server."""
    with pytest.raises(FatalAPIError, match="another server") as error:
        paginator_of().get_next(page(href))
    assert "elsewhere" not in str(error.value)


def test_a_repeated_link_does_not_end_the_pages() -> None:
    """Otherwise the pages after the repetition would be lost."""
    paginator = paginator_of()
    assert paginator.get_next(page("?cursor=a"))
    assert paginator.get_next(page("?cursor=b"))
    with pytest.raises(EndlessPagesError, match="lead in a circle"):
        paginator.get_next(page("?cursor=a"))


@pytest.mark.parametrize(
    "href",
    [
        "http://[",
        "https://api.example.com:port/v3",
        "https://api.example.com@elsewhere.example.com/v3/emails",
        "https://elsewhere.example.com\\@api.example.com/v3/emails",
        "//elsewhere.example.com\\@api.example.com/v3/emails",
        "?cursor=" + 8200 * "a",
    ],
    ids=lambda href: href[:50],
)
def test_a_malformed_link_is_an_error(href: str) -> None:
    """The error does not name another server."""
    with pytest.raises(FatalAPIError, match="invalid next link") as error:
        paginator_of().get_next(page(href))
    assert "elsewhere" not in str(error.value)


def test_long_lists_share_one_page_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists may be long and many, but not endless."""
    monkeypatch.setattr(pages, "LONG_LIST", 3)
    monkeypatch.setattr(pages, "MOST_FURTHER_PAGES", 4)
    bound = PageBound()

    def advance(paginator: NextLinkPaginator, pages_read: int) -> None:
        following: Any = page(f"?cursor={pages_read}")
        paginator.advance(following)

    first, second = paginator_of(bound), paginator_of(bound)
    # A list is long from its third page on: three further pages here, one below.
    for number in range(1, 6):
        advance(first, number)
    for number in range(1, 4):
        advance(second, number)
    with pytest.raises(TooManyPagesError, match="/v3/emails does not end after 4"):
        advance(second, 4)

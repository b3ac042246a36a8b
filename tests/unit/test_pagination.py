"""Following next links, on answers made by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from singer_sdk.exceptions import FatalAPIError

from tap_cc_clicks.pagination import EndlessPagesError, NextLinkPaginator

API = "https://api.example.com/v3"
EMPTY: dict[str, Any] = {}


def answer(href: Any, url: str = f"{API}/emails?limit=2") -> requests.Response:
    """Return an answer with this next link."""
    response = requests.Response()
    response.url = url
    response._content = json.dumps({"_links": {"next": {"href": href}}}).encode()
    return response


def bare(body: dict[str, Any]) -> requests.Response:
    """Return an answer with this body."""
    response = requests.Response()
    response.url = f"{API}/emails"
    response._content = json.dumps(body).encode()
    return response


@pytest.mark.parametrize(
    "href",
    [
        "/v3/emails?limit=2&cursor=a%2Fb%3D",
        "https://api.example.com/v3/emails?limit=2&cursor=a%2Fb%3D",
        "https://API.example.com:443/v3/emails?limit=2&cursor=a%2Fb%3D",
        "?limit=2&cursor=a%2Fb%3D",
    ],
)
def test_a_link_is_followed_with_its_query_as_given(href: str) -> None:
    """Relative or absolute, nothing decoded and nothing added."""
    url = NextLinkPaginator(API).get_next_url(answer(href))
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
    ],
    ids=str,
)
def test_without_a_link_the_pages_end(body: dict[str, Any]) -> None:
    """In whatever way it is absent."""
    assert NextLinkPaginator(API).get_next_url(bare(body)) is None


@pytest.mark.parametrize("links", [[], "next", {"next": "x"}, {"next": {"href": 1}}])
def test_a_link_that_cannot_be_understood_is_no_end(links: Any) -> None:
    """Taking it for the end would lose the pages behind it."""
    with pytest.raises(FatalAPIError, match="cannot be understood"):
        NextLinkPaginator(API).get_next_url(bare({"_links": links}))


@pytest.mark.parametrize(
    "href",
    [
        "https://elsewhere.example.com/v3/emails?cursor=a",
        "//elsewhere.example.com/v3/emails",
        "http://api.example.com/v3/emails",
        "https://api.example.com:8443/v3/emails",
        "https://api.example.com@elsewhere.example.com/v3/emails",
    ],
)
def test_a_link_to_another_origin_is_not_followed(href: str) -> None:
    """The token would go along; the error names no foreign address."""
    with pytest.raises(FatalAPIError, match="another server") as error:
        NextLinkPaginator(API).get_next_url(answer(href))
    assert "elsewhere" not in str(error.value)


def test_a_link_that_repeats_is_no_end() -> None:
    """Taking it for the end would lose what lies behind the circle."""
    paginator = NextLinkPaginator(API)
    assert paginator.get_next_url(answer("?cursor=a"))
    assert paginator.get_next_url(answer("?cursor=b"))
    with pytest.raises(EndlessPagesError, match="lead in a circle"):
        paginator.get_next_url(answer("?cursor=a"))


@pytest.mark.parametrize("href", ["http://[", "https://api.example.com:port/v3"])
def test_a_link_that_is_none_is_told(href: str) -> None:
    """In the same sentence as one of another shape."""
    with pytest.raises(FatalAPIError, match="cannot be understood"):
        NextLinkPaginator(API).get_next_url(answer(href))

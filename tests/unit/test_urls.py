"""URLs are parsed in the same way as by the libraries that connect to them."""

from __future__ import annotations

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from urllib3.util import parse_url

from tap_cc_clicks.api.urls import (
    DEFAULT_PORTS,
    LONGEST_URL,
    Origin,
    is_safe,
    joined,
    origin,
    path_of,
    quoted,
)

BASE = "https://api.example.com/v3/emails?limit=500"
API = Origin("https", "api.example.com", 443)
DECEPTIVE = [
    "http://evil.example\\@api.example.com/v3/x",
    "https://evil.example\\@api.example.com/v3/x",
    "https:\\\\evil.example/v3/x",
    "https://api.example.com\\.evil.example/v3/x",
    "https://user@evil.example/v3/x",
    "https://user:password@api.example.com/v3/x",
    "https://api.example.com@evil.example/v3/x",
    "https://api.example.com\t.evil.example/v3/x",
    "https://api.example.com\n/v3/x",
    "https://api.example.com/v3/x\r\nX-Header: y",
    "https://api.example.com/v3/\x00",
    "https://api.example.com/v3/\x7f",
    "https://api.example.com/v3/\x85",
    " https://api.example.com/v3/x",
    "https://api.example.com/v3/x y",
    "https://api.example.com:port/v3/x",
    "https://api.example.com:99999/v3/x",
    "https://api.example.com:-1/v3/x",
    "https://[::1/v3/x",
    "https://[evil]/v3/x",
    "ftp://api.example.com/v3/x",
    "file:///etc/hosts",
    "javascript:alert(1)",
    "https://api.example.com/" + LONGEST_URL * "a",
]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (BASE, API),
        ("HTTPS://API.Example.COM/v3", API),
        ("https://api.example.com:443", API),
        ("https://api.example.com:/v3", API),
        ("https://api.example.com?limit=2", API),
        ("https://api.example.com#top", API),
        ("https://api.example.com:8443/v3", API._replace(port=8443)),
        ("http://api.example.com/v3", Origin("http", "api.example.com", 80)),
        ("http://127.0.0.1:8080/v3", Origin("http", "127.0.0.1", 8080)),
        ("http://[::1]:80/v3", Origin("http", "[::1]", 80)),
        ("https://[2001:DB8::1]/", Origin("https", "[2001:db8::1]", 443)),
        ("https://bücher.example/", Origin("https", "xn--bcher-kva.example", 443)),
        ("https://BÜCHER.example/", Origin("https", "xn--bcher-kva.example", 443)),
        (
            "https://xn--bcher-kva.example/",
            Origin("https", "xn--bcher-kva.example", 443),
        ),
    ],
)
def test_spelling_does_not_change_an_origin(url: str, expected: Origin) -> None:
    """Case, default port and internationalized names make no difference."""
    assert origin(url) == expected


@pytest.mark.parametrize(
    "url",
    [*DECEPTIVE, "https://", "https:///v3/x", "//api.example.com/v3", "/v3/x", ""],
    ids=lambda url: repr(url[:50]),
)
def test_an_ambiguous_url_has_no_origin(url: str) -> None:
    """It is not safe to send a token to it."""
    with pytest.raises(ValueError, match=r"URL"):
        origin(url)
    assert not is_safe(url)


@pytest.mark.parametrize(
    "href",
    [
        *DECEPTIVE,
        "//evil.example\\@api.example.com/v3/x",
        "/\\evil.example/v3/x",
        "\\\\evil.example/v3/x",
        "//user@api.example.com/v3/x",
        "?cursor=" + LONGEST_URL * "a",
        "/v3/x?cursor=a b",
    ],
    ids=lambda href: repr(href[:50]),
)
def test_an_ambiguous_link_is_refused(href: str) -> None:
    """The check comes before it is joined to a URL."""
    with pytest.raises(ValueError, match=r"."):
        joined(BASE, href)


@pytest.mark.parametrize(
    ("href", "url"),
    [
        (
            "?limit=500&cursor=a%2Fb",
            "https://api.example.com/v3/emails?limit=500&cursor=a%2Fb",
        ),
        ("/v3/emails?cursor=a", "https://api.example.com/v3/emails?cursor=a"),
        ("https://api.example.com/v3/x", "https://api.example.com/v3/x"),
        ("//api.example.com/v3/x", "https://api.example.com/v3/x"),
    ],
)
def test_a_link_is_joined_to_the_url_of_its_answer(href: str, url: str) -> None:
    """A link may be a path, a query or a complete URL."""
    assert joined(BASE, href) == url


# Characters that parsers disagree about, and parts of URLs.
PIECES = st.sampled_from(
    [
        *"/\\:@?#[]%.;&=+ \t\n\x00\u2028é。",
        # Full-width letters, dots, slashes, colons and at signs.
        *"\uff41\uff0e\uff0f\uff1a\uff20",
        "//",
        "https:",
        "http:",
        "HTTPS://",
        "api.example.com",
        "evil.example",
        "127.0.0.1",
        "[::1]",
        ":443",
        ":80",
        ":0",
        "%2F",
        "%40",
        "%5C",
        "..",
        "a",
    ]
)
LINKS = st.one_of(st.text(), st.lists(PIECES, max_size=9).map("".join))


def connected(url: str) -> set[Origin]:
    """Return the origins that urllib3 and requests would connect to."""
    prepared = requests.Request("GET", url).prepare()
    parts = parse_url(str(prepared.url))
    parsers = [(parts.scheme, parts.host, parts.port)]
    host, _ = HTTPAdapter().build_connection_pool_key_attributes(
        prepared, verify=True, cert=None
    )
    parsers.append((host["scheme"], host["host"], host["port"]))
    return {
        Origin(
            str(scheme),
            str(name).lower().strip("[]"),
            port or DEFAULT_PORTS[str(scheme)],
        )
        for scheme, name, port in parsers
    }


@settings(max_examples=1000, deadline=None)
@given(LINKS)
@example("//evil.example\\@api.example.com/v3/x")
@example("https://api.example.com:443#@evil.example/")
@example("https://bücher.example/")
@example("https://[::1]:0/")
@example("//evil。example/")
def test_an_origin_is_where_the_request_goes(href: str) -> None:
    """Any next link is either refused or parsed in the same way."""
    try:
        url = joined(BASE, href)
        where = connected(url)
    except ValueError:
        # The tap or requests refuses the URL, so nothing is sent.
        return
    read = origin(url)
    assert where == {read._replace(host=read.host.strip("[]"))}


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v3",
        "http://127.0.0.1:8080/v3",
        "http://127.1.2.3",
        "http://[::1]:80",
        "http://localhost",
        "http://LOCALHOST:9",
    ],
)
def test_https_and_loopback_are_safe(url: str) -> None:
    """The simulator has no certificate."""
    assert is_safe(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/v3",
        "http://evil.example\\@127.0.0.1",
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://192.168.0.1",
        "http://[2001:db8::1]",
        "http://0.0.0.0",
        "ftp://127.0.0.1",
        "api.example.com",
        "",
    ],
)
def test_other_urls_are_not_safe(url: str) -> None:
    """Anyone on the network path could read the token."""
    assert not is_safe(url)


@pytest.mark.parametrize(
    ("identifier", "segment"),
    [
        (
            "f2e6c9ab-0000-4000-8000-000000000001",
            "f2e6c9ab-0000-4000-8000-000000000001",
        ),
        ("a/b", "a%2Fb"),
        ("a?b", "a%3Fb"),
        ("a#b", "a%23b"),
        ("a%2Fb", "a%252Fb"),
        ("../x", "..%2Fx"),
        ("a,b", "a%2Cb"),
        ("a\\b c\n", "a%5Cb%20c%0A"),
        ("é", "%C3%A9"),
        ("...", "..."),
    ],
)
def test_an_id_is_one_segment_of_a_path(identifier: str, segment: str) -> None:
    """Special characters are percent-encoded."""
    assert quoted(identifier) == segment


@pytest.mark.parametrize("identifier", ["", ".", ".."])
def test_an_empty_or_dot_segment_id_is_refused(identifier: str) -> None:
    """A dot segment is resolved before the request is sent."""
    with pytest.raises(ValueError, match="cannot be part of a path"):
        quoted(identifier)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_no_id_changes_the_path_around_it(identifier: str) -> None:
    """The path is checked as it is sent."""
    if identifier in {".", ".."}:
        return
    url = f"https://api.example.com/v3/emails/{quoted(identifier)}/links"
    sent = requests.Request("GET", url).prepare().path_url
    assert sent.startswith("/v3/emails/")
    assert sent.count("/") == 4
    assert sent.endswith("/links")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (BASE, "/v3/emails"),
        ("https://api.example.com?cursor=a", "/"),
        ("http://evil.example\\@api.example.com/v3/x", "/"),
        (None, "/"),
    ],
)
def test_messages_name_only_the_path(url: str | None, path: str) -> None:
    """A query may contain a cursor."""
    assert path_of(url) == path

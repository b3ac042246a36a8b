"""Random URLs, ids, keys, timestamps and bodies over HTTP do no harm."""

from __future__ import annotations

import gzip
import json
import resource
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_sdk.exceptions import SingerSDKError
from urllib3.util import connection

from tap_cc_clicks.api import pages
from tap_cc_clicks.sandbox import Fault, Sandbox, generate
from tap_cc_clicks.tap import TapCCClicks
from tests.hostile import AT, ENDPOINTS, STREAMS
from tests.support import EXAMPLES, captured, select

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("no_waiting")
SMALL = generate(campaigns=3, clicks=12)
# For tap and service together, above the earlier peak of the process.
MOST_MORE_MEGABYTES = 500
KILOBYTES = 1_000
ADDRESS = "somebody@example.com"
ODD = st.sampled_from(
    [
        *("..", "../../token", "a?b=c", "a#b", "%2e%2e", "a/b", "a\\b", "a,b"),
        *("\x1b]0;x\x07", "\u202eabc", "a\r\nSet-Cookie: x", "\x00", "\ud83d", "[/b]"),
        *(ADDRESS, AT, "0001-01-01T00:00:00+14:00", "2026-02-31", "primary_email"),
        *(9_000 * "a", "Done", "campaign"),
    ]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), ODD
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = [
    *("campaign_id", "campaign_activity_id", "role", "name", "updated_at"),
    *("current_status", "stats", "last_refresh_time", "contact_id", "url_id"),
    *("link_url", "created_time", "device_type", "deleted_at", "error_key"),
]
ROWS = st.dictionaries(st.sampled_from(NAMES), VALUES | ODD, max_size=8)
# EVIL stands for a foreign server, and HOME for the one that answers.
HREFS = st.builds(
    str.__add__,
    st.sampled_from(
        [
            *("http://EVIL/", "//EVIL/", r"http://EVIL\@HOME/", r"\\EVIL/"),
            *("http://HOME@EVIL/", "http://EVIL:x@HOME/", "/v3/emails?cursor="),
            *("http://HOME/v3/", "HTTP://EVIL#@HOME/", "http:EVIL", "/\\EVIL/", ""),
        ]
    ),
    st.text(max_size=10) | ODD,
)


@cache
def giant(piece: str) -> bytes:
    """Return a small body that decompresses to 30 MB of one kind."""
    text = (5_000_000 // len(piece)) * piece
    rows = {"[": text + text.replace("[", "]"), "{},": f"[{text}{{}}]"}
    value = rows.get(piece, f'[{{"name":"{text}"}}]')
    fields = [f'"{key}":{value}' for key in ENDPOINTS.values()]
    return gzip.compress(f"{{{','.join(fields)}}}".encode(), 1)


def answer(rows: Any, href: Any) -> bytes:
    """Return a response that fits every endpoint."""
    keys = dict.fromkeys(ENDPOINTS.values(), rows)
    return json.dumps({**keys, "_links": {"next": {"href": href}}}).encode()


BODIES = st.one_of(
    st.builds(answer, st.lists(ROWS, max_size=4) | VALUES, HREFS | VALUES),
    st.builds(answer, st.lists(ROWS, max_size=4), HREFS),
    st.binary(max_size=40),
    st.sampled_from(["[", "{},", "a", "\N{GRINNING FACE}"]).map(giant),
)
STATUSES = st.sampled_from([200, 200, 200, 400, 404, 429, 503])
FAULTS = st.dictionaries(
    st.sampled_from(list(ENDPOINTS)), st.tuples(STATUSES, BODIES), min_size=1
)


def fault_of(match: str, status: int, content: bytes, home: str) -> Fault:
    """Return a fault with this response, with the hosts filled in."""
    content = content.replace(b"EVIL", b"evil.example.com")
    content = content.replace(b"HOME", home.encode())
    if status == 200:
        return Fault("body", match=match, content=content)
    body = content.decode("utf-8", "replace")
    return Fault("status", match=match, status=status, body=body)


def recording(seen: set[str]) -> Callable[..., Any]:
    """Return a function that connects as urllib3 does, and records addresses."""
    connect = connection.create_connection

    def connecting(address: tuple[str, int], *args: Any, **kwargs: Any) -> Any:
        seen.add(f"{address[0]}:{address[1]}")
        return connect(address, *args, **kwargs)

    return connecting


def peak() -> float:
    """Return the peak memory of this process in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILOBYTES


@pytest.fixture(scope="module")
def peak_before() -> float:
    """Return the peak memory of earlier tests."""
    return peak()


@given(FAULTS)
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_random_responses_do_no_harm(
    caplog: pytest.LogCaptureFixture,
    peak_before: float,
    faults: dict[str, tuple[int, bytes]],
) -> None:
    """Requests stay on the server, errors are the tap's, and logs are printable."""
    caplog.clear()
    reached: set[str] = set()
    with (
        mock.patch.object(pages, "LONG_LIST", 5),
        mock.patch.object(pages, "MOST_FURTHER_PAGES", 50),
        mock.patch.object(connection, "create_connection", recording(reached)),
        Sandbox(SMALL) as sandbox,
    ):
        home = sandbox.url.removeprefix("http://")
        for match, (status, content) in faults.items():
            sandbox.faults.rules.append(fault_of(match, status, content, home))
        # captured() decodes every line of the output.
        with captured() as output, suppress(SingerSDKError):
            config = dict(sandbox.config)
            TapCCClicks(config=config, catalog=select(*STREAMS)).sync_all()
    assert reached == {home}
    assert {one["type"] for one in output.messages} <= {"SCHEMA", "RECORD", "STATE"}
    assert peak() - peak_before < MOST_MORE_MEGABYTES
    for record in caplog.records:
        assert record.exc_info is None
        assert record.getMessage().isprintable()
        assert ADDRESS not in record.getMessage()

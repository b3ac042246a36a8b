"""Log lines of libraries and the tap are short, printable and without queries."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from tap_cc_clicks.api.log_filter import (
    LONGEST_LIBRARY_LINE,
    LONGEST_LINE,
    guard_logs,
)
from tap_cc_clicks.api.transport import Transport

NAME = "guarded-tap"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
    b"secret-without-colon\x1b[31m\r\nX-After: y\r\n\r\n{}"
)


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Guard a tap's loggers and capture the log."""
    logging.getLogger(f"{NAME}.campaigns")
    guard_logs(NAME)
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.fixture
def broken_server() -> Iterator[str]:
    """Answer one request with invalid headers."""

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v3/emails?cursor=secret"
        thread.join()


def test_urllib3_logs_neither_invalid_headers_nor_queries(
    broken_server: str,
    lines: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unfiltered, it logs the URL, the headers it cannot parse and a traceback."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Transport(1).send(requests.Request("GET", broken_server).prepare())
    logged = [one for one in lines.records if one.name.startswith("urllib3")]
    assert "Failed to parse headers" in lines.text
    assert "/v3/emails?…" in lines.text
    assert "secret" not in lines.text
    assert not [one for one in logged if one.exc_info]
    assert all(one.getMessage().isprintable() for one in logged)


@pytest.mark.parametrize("name", [NAME, f"{NAME}.campaigns"])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gone\n2026-01-31 | INFO | forged", "gone 2026-01-31 | INFO | forged"),
        ("red\x1b[31m \x1b]0;title\x07", "red[31m ]0;title"),
        ("abc\u202edef\u2028g", "abcdef g"),
    ],
)
def test_the_tap_logs_single_printable_lines(
    lines: pytest.LogCaptureFixture, name: str, text: str, shown: str
) -> None:
    """Log lines contain ids and paths from the service."""
    logging.getLogger(name).warning("Activity %s is gone", text)
    assert lines.messages == [f"Activity {shown} is gone"]


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        (NAME, LONGEST_LINE),
        (f"{NAME}.campaigns", LONGEST_LINE),
        ("urllib3.connectionpool", LONGEST_LIBRARY_LINE),
    ],
)
def test_log_lines_are_short(
    lines: pytest.LogCaptureFixture, name: str, longest: int
) -> None:
    """A server may send megabytes as an id."""
    logging.getLogger(name).warning("%s", 10_000_000 * "a")
    (message,) = lines.messages
    assert len(message) == longest


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            'https://api.example.com:443 "GET /v3/emails?cursor=secret HTTP/1.1" 200 2',
            'https://api.example.com:443 "GET /v3/emails?… HTTP/1.1" 200 2',
        ),
        (
            "Retrying after connection broken by 'x': /v3/emails?a=('secret')",
            "Retrying after connection broken by 'x': /v3/emails?…",
        ),
        ("Starting new HTTPS connection (1)", "Starting new HTTPS connection (1)"),
    ],
)
def test_libraries_log_no_queries(
    lines: pytest.LogCaptureFixture, line: str, shown: str
) -> None:
    """A cursor may contain anything."""
    logging.getLogger("urllib3.connectionpool").debug(line)
    assert lines.messages == [shown]


def test_other_loggers_are_left_alone(lines: pytest.LogCaptureFixture) -> None:
    """Metrics pass objects to handlers; a name with this prefix is not a child."""
    logging.getLogger("singer_sdk.metrics")
    logging.getLogger(f"{NAME}-other")
    guard_logs(NAME)
    for name in ("singer_sdk.metrics", f"{NAME}-other"):
        logging.getLogger(name).warning("%s\n", "two")
    assert lines.messages == ["two\n", "two\n"]


def test_guarding_twice_adds_one_filter(lines: pytest.LogCaptureFixture) -> None:
    """A process may run many taps."""
    logger = logging.getLogger(NAME)
    before = list(logger.filters)
    guard_logs(NAME)
    assert logger.filters == before
    assert not lines.messages

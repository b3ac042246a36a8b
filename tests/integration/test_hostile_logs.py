"""Log lines are short, printable and without secrets, even with a hostile service."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.api.log_filter import LONGEST_LINE
from tap_cc_clicks.sandbox import Fault, Sandbox
from tests.child import start
from tests.hostile import Ended, evil_server, run_process
from tests.support import HANGS

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

ADDRESS = "somebody@example.com"
FORGED = f"gone {ADDRESS}\n2026-01-31 12:00:00 | INFO | tap | all is well\x1b]0;x\x07"


# By endpoint: of one, several in a row would end the requests.
ERRORS: dict[str, Any] = {
    "^/emails/[^/]+$": {"error_key": 3_000_000 * "k"},
    "/reports/stats": {"error_key": FORGED},
    "/tracking/clicks": {"error_key": "fine", "error_message": FORGED},
    "^/emails/activities/[^/]+$": [{"error_key": FORGED}] * 1_000,
    "/send_history": f"<html>{FORGED}",
}


@pytest.mark.parametrize("status", [400, 404, 429, 503])
def test_log_lines_are_short_and_printable(
    sandbox: Sandbox, tmp_path: Path, status: int
) -> None:
    """This holds for every error body that the service sends."""
    sandbox.faults.rules += [
        Fault("status", match=match, times=2, status=status, body=error)
        for match, error in ERRORS.items()
    ]
    assert_safe_log(run_process(sandbox, tmp_path))
    assert {rule.times for rule in sandbox.faults.rules} == {0}


def assert_safe_log(ended: Ended) -> None:
    """Check that log lines are short, printable and without an address."""
    assert "Traceback" not in ended.said
    assert ADDRESS not in ended.said
    assert max(map(len, ended.lines)) < LONGEST_LINE + 200
    assert all(line.isprintable() for line in ended.lines)
    assert not any(
        line.startswith("2026-01-31 12:00:00 | INFO") for line in ended.lines
    )


def test_reasons_and_headers_are_not_logged(tmp_path: Path) -> None:
    """This covers the reason in the status line and headers that cannot be parsed."""
    head = f"HTTP/1.1 400 bad \x1b[31m{ADDRESS}\r\n{FORGED}\r\nX: {ADDRESS}\r\n"
    reply = f"{head}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()
    with evil_server() as evil, answering(evil.listener, reply):
        config = {"api_url": f"http://{evil.host}/v3", "access_token": "t"}
        process = start(config, tmp_path, environment={"LOGLEVEL": "DEBUG"})
        _, said = process.communicate(timeout=HANGS)
    # The SDK's earlier lines about settings are long, but hold no foreign text.
    _, connected, told = said.decode().partition("Starting new HTTP connection")
    assert connected
    assert process.returncode == 1
    assert_safe_log(Ended(process.returncode, told))


@contextmanager
def answering(listener: socket.socket, reply: bytes) -> Generator[None]:
    """Answer all connections with the same bytes."""

    def answer_all() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if not connection.recv(1 << 16):
                    return
                connection.sendall(reply)

    thread = threading.Thread(target=answer_all)
    thread.start()
    yield
    socket.create_connection(listener.getsockname()).close()
    thread.join()


@pytest.mark.parametrize(
    ("stream_map", "kind"),
    [
        ({"x": "int(email_address)"}, "ValueError"),
        ({"x": "email_address + 1"}, "TypeError"),
        ({"x": "json.loads(email_address)"}, "JSONDecodeError"),
        ({"x": "record[email_address]"}, "KeyError"),
        ({"x": "email_address.nothing"}, "AttributeDoesNotExist"),
        ({"__filter__": "int(email_address) > 0"}, "ValueError"),
    ],
)
def test_a_failing_stream_map_shows_no_value(
    sandbox: Sandbox, tmp_path: Path, stream_map: dict[str, str], kind: str
) -> None:
    """The message has only the expression and the kind of error."""
    ended = run_process(sandbox, tmp_path, stream_maps={"email_clicks": stream_map})
    (expression,) = stream_map.values()
    assert ended.code == 1
    sentence = (
        f"stream map of email_clicks failed at the expression {expression} ({kind})"
    )
    assert sentence in ended.lines[-1]
    assert "Traceback" not in ended.said
    assert "@example.com" not in ended.said

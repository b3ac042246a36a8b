"""Whatever a hostile service sends: log lines are short, printable, without secrets."""

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
def test_what_is_logged_is_short_and_printable(
    sandbox: Sandbox, tmp_path: Path, status: int
) -> None:
    """Whatever an error holds that the service sends."""
    sandbox.faults.rules += [
        Fault("status", match=match, times=2, status=status, body=error)
        for match, error in ERRORS.items()
    ]
    assert_decent(run_process(sandbox, tmp_path))
    assert {rule.times for rule in sandbox.faults.rules} == {0}


def assert_decent(ended: Ended) -> None:
    """See that a process told short, printable lines, and no address."""
    assert "Traceback" not in ended.said
    assert ADDRESS not in ended.said
    assert max(map(len, ended.lines)) < LONGEST_LINE + 200
    assert all(line.isprintable() for line in ended.lines)
    assert not any(
        line.startswith("2026-01-31 12:00:00 | INFO") for line in ended.lines
    )


def test_reasons_and_headers_are_not_logged(tmp_path: Path) -> None:
    """A reason beside the status, and what cannot be parsed as a header."""
    head = f"HTTP/1.1 400 bad \x1b[31m{ADDRESS}\r\n{FORGED}\r\nX: {ADDRESS}\r\n"
    reply = f"{head}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()
    with evil_server() as evil, answering(evil.listener, reply):
        config = {"api_url": f"http://{evil.host}/v3", "access_token": "t"}
        process = start(config, tmp_path, environment={"LOGLEVEL": "DEBUG"})
        _, said = process.communicate(timeout=HANGS)
    # What the SDK tells of the settings before is long, and nobody else's.
    _, connected, told = said.decode().partition("Starting new HTTP connection")
    assert connected
    assert process.returncode == 1
    assert_decent(Ended(process.returncode, told))


@contextmanager
def answering(listener: socket.socket, reply: bytes) -> Generator[None]:
    """Answer all who come with the same bytes."""

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
def test_a_stream_map_that_fails_shows_no_value(
    sandbox: Sandbox, tmp_path: Path, stream_map: dict[str, str], kind: str
) -> None:
    """Neither in what is said nor in a traceback."""
    ended = run_process(sandbox, tmp_path, stream_maps={"email_clicks": stream_map})
    (expression,) = stream_map.values()
    assert ended.code == 1
    sentence = (
        f"stream map of email_clicks failed at the expression {expression} ({kind})"
    )
    assert sentence in ended.lines[-1]
    assert "Traceback" not in ended.said
    assert "@example.com" not in ended.said

"""The reason for a missing answer, as requests and urllib3 nest it."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import requests

from tap_cc_clicks.api.network import failure_reason, was_sent

if TYPE_CHECKING:
    from collections.abc import Callable


class Retries(Exception):  # noqa: N818
    """Like urllib3's MaxRetryError, with the error as its reason."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__("s3cret: https://user:password@example.com")
        self.reason = reason


Error = requests.exceptions


@pytest.mark.parametrize(
    ("kind", "cause", "meaning", "sent"),
    [
        (Error.ConnectionError, socket.gaierror(-2), "check DNS", False),
        (Error.ConnectionError, ConnectionRefusedError(), "connection refused", False),
        (Error.SSLError, ssl.SSLCertVerificationError(), "REQUESTS_CA_BUNDLE", False),
        (Error.SSLError, ssl.SSLError(), "TLS handshake", True),
        (Error.ProxyError, ConnectionRefusedError(), "check HTTPS_PROXY", False),
        (Error.ConnectTimeout, TimeoutError(), "cannot be reached", False),
        (Error.ReadTimeout, TimeoutError(), "timed out", True),
        (Error.ConnectionError, ConnectionResetError(), "", True),
    ],
)
def test_a_nested_cause_is_found(
    kind: Callable[[Exception], Exception],
    cause: Exception,
    meaning: str,
    sent: bool,  # noqa: FBT001
) -> None:
    """The address may contain a password and is not shown.

    Without a connection nothing was sent, so no token was used.
    """
    middle = OSError("s3cret")
    middle.__context__ = cause
    error = kind(Retries(middle))
    reason = failure_reason(error)
    assert reason.startswith(type(error).__name__)
    assert meaning in reason
    assert was_sent(error) is sent
    assert "s3cret" not in reason


def test_circular_causes_are_handled() -> None:
    """The search for a cause ends."""
    one, other = ValueError(), KeyError()
    one.__context__, other.__context__ = other, one
    assert failure_reason(one) == "ValueError"

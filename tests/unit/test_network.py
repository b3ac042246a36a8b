"""Why no answer came, told from how requests and urllib3 nest it."""

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
    """Like urllib3's MaxRetryError: holds what happened as its reason."""

    def __init__(self, reason: BaseException) -> None:
        """Keep the reason."""
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
def test_nested_causes_are_found(
    kind: Callable[[Exception], Exception],
    cause: Exception,
    meaning: str,
    sent: bool,  # noqa: FBT001
) -> None:
    """Whatever it is wrapped in; the address may hold a password, and is not told.

    Where no connection came about, nothing was sent, and no token used up.
    """
    middle = OSError("s3cret")
    middle.__context__ = cause
    error = kind(Retries(middle))
    told = failure_reason(error)
    assert told.startswith(type(error).__name__)
    assert meaning in told
    assert was_sent(error) is sent
    assert "s3cret" not in told


def test_circular_causes_end() -> None:
    """The search visits each cause once."""
    one, other = ValueError(), KeyError()
    one.__context__, other.__context__ = other, one
    assert failure_reason(one) == "ValueError"

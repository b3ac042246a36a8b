"""Why no answer came, in words that lead to what can be done."""

from __future__ import annotations

import socket
import ssl

import requests

# The first that fits counts: they are subclasses of each other in part, and causes of
# one another.
REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (
        requests.exceptions.ProxyError,
        "the proxy does not let it through: check HTTPS_PROXY and NO_PROXY",
    ),
    (
        ssl.SSLCertVerificationError,
        "its certificate is not trusted: check the clock and REQUESTS_CA_BUNDLE",
    ),
    (requests.exceptions.SSLError, "no secure connection came about (TLS)"),
    (socket.gaierror, "its name is not found: check DNS"),
    (ConnectionRefusedError, "nobody listens there: check the address"),
    (requests.exceptions.ConnectTimeout, "it cannot be reached: check the network"),
    (requests.exceptions.Timeout, "it took too long"),
)

# Before these, nothing is sent.
NO_CONNECTION = (
    requests.exceptions.ProxyError,
    requests.exceptions.ConnectTimeout,
    ssl.SSLCertVerificationError,
    ConnectionRefusedError,
    socket.gaierror,
)


def failure_reason(error: BaseException) -> str:
    """Return what kept an answer away: the error's kind, and what it means.

    What requests says itself is left out: it names the whole URL.
    """
    causes = list(_causes(error))
    for kind, meaning in REASONS:
        if any(isinstance(cause, kind) for cause in causes):
            return f"{type(error).__name__}: {meaning}"
    return type(error).__name__


def was_sent(error: BaseException) -> bool:
    """Tell whether the request may have been sent: no connection came about if not."""
    return not any(isinstance(cause, NO_CONNECTION) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and what lies behind it, as requests and urllib3 nest it."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.append(one)
        behind = (one.__context__, getattr(one, "reason", None), *one.args)
        waiting += [cause for cause in behind if isinstance(cause, BaseException)]
    return found

"""Why a request got no response, in words that help to fix it."""

from __future__ import annotations

import socket
import ssl

import requests

# The first match counts: some are subclasses or causes of others.
REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (
        requests.exceptions.ProxyError,
        "the proxy refused the connection: check HTTPS_PROXY and NO_PROXY",
    ),
    (
        ssl.SSLCertVerificationError,
        "the certificate is not trusted: check the clock and REQUESTS_CA_BUNDLE",
    ),
    (requests.exceptions.SSLError, "the TLS handshake failed"),
    (socket.gaierror, "the host name was not found: check DNS"),
    (ConnectionRefusedError, "connection refused: check host and port"),
    (
        requests.exceptions.ConnectTimeout,
        "the host cannot be reached: check the network",
    ),
    (requests.exceptions.Timeout, "timed out"),
)

# After these, nothing was sent.
NO_CONNECTION = (
    requests.exceptions.ProxyError,
    requests.exceptions.ConnectTimeout,
    ssl.SSLCertVerificationError,
    ConnectionRefusedError,
    socket.gaierror,
)


def failure_reason(error: BaseException) -> str:
    """Return the kind of a failure and what it means.

    The message of requests is left out: it contains the whole URL.
    """
    causes = list(_causes(error))
    for kind, meaning in REASONS:
        if any(isinstance(cause, kind) for cause in causes):
            return f"{type(error).__name__}: {meaning}"
    return type(error).__name__


def was_sent(error: BaseException) -> bool:
    """Whether the request may have been sent."""
    return not any(isinstance(cause, NO_CONNECTION) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and its causes, as requests and urllib3 nest them."""
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

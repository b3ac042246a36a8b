"""Valid tokens that are sometimes refused, and a busy token endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.api.errors import TokenError, error_of
from tap_cc_clicks.api.transport import Response
from tap_cc_clicks.sandbox import Fault
from tests.support import clicks, rows, run_tap

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("no_waiting")
UNAUTHORIZED = {"error_key": "unauthorized"}


def sometimes_refused(body: Any = UNAUTHORIZED) -> Fault:
    """Return a fault that refuses a tenth of all API requests."""
    path = "^/(emails|reports|account)"
    return Fault("status", match=path, probability=0.1, status=401, body=body)


def complete(sandbox: Sandbox, **config: Any) -> bool:
    """Return whether a run writes all clicks."""
    output = run_tap(sandbox, **config)
    return rows(clicks(output).values()) == rows(sandbox.account.rows())


@pytest.mark.parametrize("body", [UNAUTHORIZED, "<html>no</html>"])
def test_a_valid_token_may_sometimes_be_refused(sandbox: Sandbox, body: Any) -> None:
    """Used to end the run after many renewals."""
    sandbox.faults.rules.append(sometimes_refused(body))
    assert complete(sandbox)
    assert sandbox.log.statuses()[401] > 5
    assert sandbox.tokens.renewals <= 3


def test_an_access_token_alone_may_sometimes_be_refused(sandbox: Sandbox) -> None:
    """Once it has expired, the run ends in the usual sentence."""
    token = sandbox.tokens.issue()
    config: dict[str, Any] = {"refresh_token": None, "access_token": token}
    sandbox.faults.rules.append(sometimes_refused())
    assert complete(sandbox, **config)
    sandbox.tokens.expire_all()
    with pytest.raises(TokenError, match="set refresh_token, or sign in again for a"):
        run_tap(sandbox, **config)


def test_expired_tokens_are_renewed_repeatedly(
    sandbox: Sandbox,
) -> None:
    """Three tokens expire in one run."""
    seen: list[str] = []

    def expire(endpoint: str) -> None:
        seen.append(endpoint)
        if len(seen) in (10, 30, 50):
            sandbox.tokens.expire_all()

    sandbox.on_request = expire
    assert complete(sandbox)
    assert sandbox.tokens.renewals == 1 + 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_token_endpoint_is_retried(sandbox: Sandbox, status: int) -> None:
    """At the start and during a run. Either used to end the run."""
    busy = Fault("status", match="/token", status=status, times=1, body={"error": "no"})
    sandbox.faults.rules.append(busy)

    def expire(endpoint: str) -> None:
        if endpoint == "stats" and not busy.times:
            sandbox.on_request = None
            sandbox.tokens.expire_all()
            busy.times = 1

    sandbox.on_request = expire
    assert complete(sandbox)
    assert busy.times == 0
    assert sandbox.tokens.renewals == 2


def test_a_token_endpoint_that_stays_busy_ends_the_run(sandbox: Sandbox) -> None:
    """In one sentence, as nothing can be read without a token."""
    sandbox.faults.rules.append(Fault("status", match="/token", status=503))
    with pytest.raises(FatalSyncError, match=r"not available \(503\)"):
        run_tap(sandbox)


def test_denied_access_is_explained() -> None:
    """The sentence has the error key, from an object or from a list."""
    url = "https://api.example.com/v3/emails"
    for body in (
        b'{"error_key": "access_denied"}',
        b'[{"error_key": "access_denied"}]',
    ):
        said = str(error_of(Response(url, 403, body=body)))
        assert said.startswith("403 (access_denied) for /v3/emails: the token may not")

"""``cc-clicks check``: test the prerequisites of a run with few requests."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from time import time
from typing import Any

import click
import requests
from rich.text import Text
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError, SingerSDKError

from tap_cc_clicks.api.columns import Anomalies
from tap_cc_clicks.api.decoding import decode
from tap_cc_clicks.api.network import failure_reason
from tap_cc_clicks.api.text import printable
from tap_cc_clicks.api.tokens import UNUSED_DAYS, TokenStore, UnsafeStoreError
from tap_cc_clicks.api.transport import Response
from tap_cc_clicks.cli.evidence import FAILED, OK, SKIPPED, WARN, Evidence
from tap_cc_clicks.cli.options import (
    CommandTap,
    config_option,
    console,
    json_option,
    tap_of,
)
from tap_cc_clicks.cli.recording import Witness, write_recording
from tap_cc_clicks.cli.signin import SCOPES
from tap_cc_clicks.cli.tables import LONGEST_LINE, print_json, say
from tap_cc_clicks.sync.findings import warnings_of

STYLES = {OK: "green", WARN: "yellow", FAILED: "bold red", SKIPPED: "dim"}
CLOCK_SECONDS = 60
ONE_HOUR = 3600


@dataclass(frozen=True)
class Finding:
    """The result of one test, printed as a line."""

    name: str
    status: str
    text: str


class Examination:
    """Runs the tests in order; after a failed one, skips those that depend on it.

    Args:
        tap: The tap, with valid settings.
    """

    def __init__(self, tap: CommandTap) -> None:
        self._tap = tap
        self._run = tap.run
        self._client = Witness(*self._run.client.args, tries=1)
        self._evidence = Evidence(self._client)
        self._service = self._evidence.service

    def findings(self) -> Iterator[Finding]:
        """Yield the result of each test when it is finished."""
        yield self._finding("token store", self._token_store)
        blocked = False
        steps: list[tuple[str, Callable[[], tuple[str, str]]]] = [
            ("token", self._token),
            ("scopes", self._scopes),
            ("API", self._api),
            ("clock", self._clock),
            ("campaigns", self._evidence.campaigns),
            ("summaries", self._evidence.summaries),
            ("counters", self._evidence.counters),
            ("clicks", self._evidence.clicks),
            ("pages", self._evidence.paging),
            ("order", self._evidence.order),
            ("times", self._evidence.times),
        ]
        for name, step in steps:
            if blocked and name != "clock":
                yield Finding(name, SKIPPED, "resolve the above first")
                continue
            finding = self._finding(name, step)
            blocked = blocked or finding.status == FAILED
            yield finding

    @property
    def requests(self) -> dict[str, int]:
        """The number of requests for tokens and to the API."""
        return {
            "token": self._run.authenticator.requests,
            "api": self._run.gate.requests,
        }

    @property
    def quota(self) -> int:
        """The daily quota of the key."""
        return self._run.settings.key_requests_per_day

    @property
    def responses(self) -> list[Response]:
        """All responses of the API."""
        return self._client.responses

    def _finding(self, name: str, step: Callable[[], tuple[str, str]]) -> Finding:
        self._service.anomalies = Anomalies()
        try:
            status, text = step()
            for sentence in warnings_of(self._service.anomalies.counts):
                status, text = WARN, f"{text}. {sentence}"
            return Finding(name, status, text)
        except SingerSDKError as error:
            cause = error.__cause__
            if not isinstance(cause, requests.RequestException):
                return Finding(name, FAILED, str(error))
            address = self._tap.config["api_url"]
            return Finding(
                name, FAILED, f"No answer from {address}: {failure_reason(cause)}"
            )

    def _token_store(self) -> tuple[str, str]:
        config = self._tap.config
        if not config.get("refresh_token"):
            return OK, "not needed without a refresh token"
        store = TokenStore.from_config(config)
        needed = bool(config.get("token_store")) or store.path.exists()
        try:
            # Always strict, so that an unusable store is reported here.
            with TokenStore(store.path, "", required=True).locked():
                store.load()
        except UnsafeStoreError:
            raise
        except SingerSDKError as error:
            if needed:
                raise
            return WARN, f"{error}. Long-lived refresh tokens need none"
        empty = "" if store.path.exists() else "; empty so far"
        return OK, f"{store.path} can be written{empty}"

    def _token(self) -> tuple[str, str]:
        authenticator = self._run.authenticator
        if not authenticator.refresh_token:
            return WARN, f"an access token alone, {self._end()}: for a quick test only"
        seed = authenticator.refresh_token
        request = requests.Request("GET", self._tap.config["api_url"])
        authenticator.authorize(request.prepare())
        if authenticator.refresh_token != seed:
            kind = "rotating refresh tokens, kept in the token store"
        elif authenticator.requests:
            kind = "a long-lived refresh token"
        else:
            kind = "a refresh token (its first use shows whether it rotates)"
        return OK, f"{kind}, {self._expiry()}; the access token {self._end()}"

    def _expiry(self) -> str:
        store = TokenStore.from_config(self._tap.config)
        used = time() if self._run.authenticator.requests else store.last_used()
        expires = datetime.fromtimestamp(used, UTC) + timedelta(days=UNUSED_DAYS)
        return f"which expires on {expires:%Y-%m-%d} unless it is used before"

    def _end(self) -> str:
        ends: Any = claims(self._run.authenticator.access_token).get("exp")
        try:
            when = datetime.fromtimestamp(ends, UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            return "has no known expiry"
        hours = (when.timestamp() - time()) / ONE_HOUR
        return f"expires at {when:%Y-%m-%d %H:%M} UTC, in {hours:.1f} hours"

    def _scopes(self) -> tuple[str, str]:
        scopes = claims(self._run.authenticator.access_token).get("scp")
        if not isinstance(scopes, list):
            return OK, "the token does not list them; see the lines below"
        if "campaign_data" not in scopes:
            return FAILED, SCOPES["campaign_data"]
        return OK, " ".join(scope for scope in scopes if isinstance(scope, str))

    def _api(self) -> tuple[str, str]:
        address = self._tap.config["api_url"]
        try:
            account = self._summary()
        except FatalAPIError:
            if self._status != HTTPStatus.FORBIDDEN:
                raise
            # A run does not need this endpoint.
            return OK, f"{address} answers, but does not say whose account it is"
        name = account.get("organization_name")
        shown = isinstance(name, str) and printable(name)
        return OK, f"{address} answers: {shown or 'an account without a name'}"

    def _summary(self) -> dict[str, Any]:
        try:
            return self._service.account_summary()
        except FatalAPIError as error:
            again = isinstance(error.__cause__, RetriableAPIError)
            if not again or self._status != HTTPStatus.UNAUTHORIZED:
                raise
            # The stored access token was rejected: the authenticator renews it now.
            return self._service.account_summary()

    @property
    def _status(self) -> int | None:
        response = self._client.response
        return response.status if response else None

    def _clock(self) -> tuple[str, str]:
        response = self._client.response
        if response is None:
            return SKIPPED, "no answer to compare with"
        try:
            service_time = parsedate_to_datetime(response.date).timestamp()
        except (TypeError, ValueError, OverflowError):
            return SKIPPED, "the service's answer has no date to compare with"
        ahead = round(time() - service_time)
        if abs(ahead) <= CLOCK_SECONDS:
            return OK, f"within {CLOCK_SECONDS} s of the service's"
        way = "ahead of" if ahead > 0 else "behind"
        return WARN, f"{abs(ahead)} s {way} the service's: tokens may end early; set it"


def claims(token: str | None) -> dict[str, Any]:
    """Return the unverified claims of an access token; empty if it is not a JWT."""
    try:
        part = (token or "").split(".")[1]
        payload = decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


@click.command()
@config_option
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what the answers are like into a file: names, kinds and formats of "
    "their properties, but no value.",
)
@json_option
@click.pass_context
def check(
    ctx: click.Context, configs: Sequence[str], record: Path | None, *, as_json: bool
) -> None:
    """Test whether the tap can run, and whether the service answers as it expects.

    Makes eight requests at most. Exit code 1 if something is wrong.
    """
    config = dict(tap_of(configs).config)
    # The check's few requests ignore max_requests.
    config.pop("max_requests", None)
    examination = Examination(CommandTap(config=config))
    screen = console()
    found = []
    for finding in examination.findings():
        found.append(finding)
        if not as_json:
            screen.print(_line(finding))
    failed = any(finding.status == FAILED for finding in found)
    spent = examination.requests
    if as_json:
        result = {"ok": not failed, "requests": spent, "checks": found}
        print_json(result, indent=None)
    else:
        say(screen, _spent(spent, examination.quota))
    if record:
        write_recording(record, examination.responses)
    ctx.exit(1 if failed else 0)


def _spent(spent: dict[str, int], quota: int) -> str:
    return (
        f"{spent['api']} of the key's {quota:,} requests a day were used; token "
        f"requests: {spent['token']}"
    )


def _line(finding: Finding) -> Text:
    status = Text(f"{finding.status:<8}", STYLES[finding.status])
    text = printable(finding.text, LONGEST_LINE)
    return status + Text(f"{finding.name:<12} {text}", "")

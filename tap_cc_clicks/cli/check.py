"""``cc-clicks check``: what a run needs, tried with as few requests as possible."""

from __future__ import annotations

import base64
import stat
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Any

import click
import requests
from rich.text import Text
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError, SingerSDKError
from typing_extensions import override

from tap_cc_clicks.account import NEVER_SENT, ROLES_WITH_REPORTS
from tap_cc_clicks.api.text import printable
from tap_cc_clicks.cli.options import (
    CommandTap,
    config_option,
    console,
    json_option,
    tap_of,
)
from tap_cc_clicks.cli.signin import SCOPES
from tap_cc_clicks.cli.tables import LONGEST_LINE, print_json, say
from tap_cc_clicks.client import ConstantContactStream
from tap_cc_clicks.network import unanswered
from tap_cc_clicks.parsing import decode
from tap_cc_clicks.streams import CampaignActivities, Campaigns, EmailClicks
from tap_cc_clicks.tokens import TokenStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from singer_sdk.helpers.types import RequestFunc

OK, WARN, FAILED, SKIPPED = "ok", "warn", "failed", "skipped"
STYLES = {OK: "green", WARN: "yellow", FAILED: "bold red", SKIPPED: "dim"}
CLOCK_SECONDS = 60
ONE_HOUR = 3600
READABLE_BY_OTHERS = 0o077
REMOVED = "removed"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, and what to do."""

    name: str
    status: str
    text: str


class _Probe(ConstantContactStream):
    """A stream that asks once, and leaves the clock's answer behind."""

    date: str | None = None
    status: int | None = None

    @override
    def request_decorator(self, func: RequestFunc) -> RequestFunc:
        return func

    @override
    def validate_response(self, response: requests.Response) -> None:
        self.status = response.status_code
        self.date = response.headers.get("Date")
        super().validate_response(response)


class _AccountSummary(_Probe):
    """Whose account it is, from «GET a Summary of Account Details»."""

    name = "account_summary"
    path = "/account/summary"
    paged = False


class _Listing(_Probe, Campaigns):
    """The newest campaigns."""


class _Campaign(_Probe, CampaignActivities):
    """One campaign."""


class _Clicks(_Probe, EmailClicks):
    """One page of clicks."""


class Examination:
    """Looks at one thing after the other; what builds on a failure is skipped.

    Args:
        tap: The tap, with settings found valid.
    """

    def __init__(self, tap: CommandTap) -> None:
        """Ask nothing yet."""
        self._tap = tap
        self._run = tap.run
        self._account = _AccountSummary(tap)
        self._newest: dict[str, Any] | None = None

    def findings(self) -> Iterator[Finding]:
        """Yield a line for each thing, as soon as it is known."""
        yield self._finding("token store", self._token_store)
        blocked = False
        steps: list[tuple[str, Callable[[], tuple[str, str]]]] = [
            ("token", self._token),
            ("scopes", self._scopes),
            ("API", self._api),
            ("clock", self._clock),
            ("campaigns", self._campaigns),
            ("clicks", self._clicks),
        ]
        for name, step in steps:
            if blocked and name != "clock":
                yield Finding(name, SKIPPED, "mend the above first")
                continue
            finding = self._finding(name, step)
            blocked = blocked or finding.status == FAILED
            yield finding

    @property
    def requests(self) -> dict[str, int]:
        """How many requests were made, for tokens and of the API's."""
        return {
            "token": self._run.authenticator.requests,
            "api": self._run.gate.requests,
        }

    def _finding(self, name: str, step: Callable[[], tuple[str, str]]) -> Finding:
        try:
            return Finding(name, *step())
        except SingerSDKError as error:
            return Finding(name, FAILED, str(error))
        except requests.RequestException as error:
            address = self._tap.config["api_url"]
            return Finding(
                name, FAILED, f"No answer from {address}: {unanswered(error)}"
            )

    def _token_store(self) -> tuple[str, str]:
        config = self._tap.config
        if not config.get("refresh_token"):
            return OK, "not needed without a refresh token"
        store = TokenStore.from_config(config)
        needed = bool(config.get("token_store")) or store.path.exists()
        try:
            # Strict, whatever the settings: here it is to be said.
            with TokenStore(store.path, "", required=True).locked():
                store.load()
        except SingerSDKError as error:
            if needed:
                raise
            return WARN, f"{error}. Long-lived refresh tokens need none"
        mode = stat.S_IMODE(store.path.stat().st_mode) if store.path.exists() else 0
        if mode & READABLE_BY_OTHERS and sys.platform != "win32":
            return FAILED, f"{store.path} is open to others: chmod 600 {store.path}"
        return OK, f"{store.path} can be written" + ("" if mode else "; empty so far")

    def _token(self) -> tuple[str, str]:
        authenticator = self._run.authenticator
        if not authenticator.refresh_token:
            return WARN, f"an access token alone, {self._end()}: good for a quick try"
        seed = authenticator.refresh_token
        request = requests.Request("GET", self._tap.config["api_url"])
        authenticator.authenticate_request(request.prepare())
        if authenticator.refresh_token != seed:
            kind = "rotating refresh tokens, kept in the token store"
        elif authenticator.requests:
            kind = "a long-lived refresh token"
        else:
            kind = "a refresh token; whether it rotates is seen when it is first used"
        return OK, f"{kind}; the access token {self._end()}"

    def _end(self) -> str:
        ends: Any = claims(self._run.authenticator.access_token).get("exp")
        try:
            when = datetime.fromtimestamp(ends, timezone.utc)
        except (TypeError, ValueError, OverflowError, OSError):
            return "does not say when it ends"
        hours = (when.timestamp() - time()) / ONE_HOUR
        return f"ends {when:%Y-%m-%d %H:%M} UTC, in {hours:.1f} hours"

    def _scopes(self) -> tuple[str, str]:
        scopes = claims(self._run.authenticator.access_token).get("scp")
        if not isinstance(scopes, list):
            return OK, "the token does not say; the lines below tell"
        if "campaign_data" not in scopes:
            return FAILED, SCOPES["campaign_data"]
        return OK, " ".join(one for one in scopes if isinstance(one, str))

    def _api(self) -> tuple[str, str]:
        address = self._tap.config["api_url"]
        try:
            account = self._summary()
        except FatalAPIError:
            if self._account.status != HTTPStatus.FORBIDDEN:
                raise
            # The tap does not need it: listing and clicks have the last word.
            return OK, f"{address} answers, but does not say whose account it is"
        name = account.get("organization_name")
        told = isinstance(name, str) and printable(name)
        return OK, f"{address} answers: {told or 'an account without a name'}"

    def _summary(self) -> dict[str, Any]:
        try:
            return self._account.fetch({})
        except RetriableAPIError:
            if self._account.status != HTTPStatus.UNAUTHORIZED:
                raise
            # A stored token may have been ended: the authenticator renews it now.
            return self._account.fetch({})

    def _clock(self) -> tuple[str, str]:
        try:
            theirs = parsedate_to_datetime(self._account.date or "").timestamp()
        except (TypeError, ValueError, OverflowError):
            return SKIPPED, "no answer to compare with"
        ahead = round(time() - theirs)
        if abs(ahead) <= CLOCK_SECONDS:
            return OK, f"within {CLOCK_SECONDS} s of the service's"
        way = "ahead of" if ahead > 0 else "behind"
        return WARN, f"{abs(ahead)} s {way} the service's: tokens may end early; set it"

    def _campaigns(self) -> tuple[str, str]:
        rows = next(iter(_Listing(self._tap).pages({})))
        unread = {*NEVER_SENT, REMOVED}
        sent = [
            row for row in rows if _text(row, "current_status").lower() not in unread
        ]
        self._newest = sent[0] if sent else None
        return OK, f"{len(rows)} listed on the first page, {len(sent)} of them sent"

    def _clicks(self) -> tuple[str, str]:
        if self._newest is None:
            return OK, "no email was sent yet: there are none to read"
        context = {"campaign_id": _id_of(self._newest, "campaign_id")}
        campaign = _Campaign(self._tap).fetch(context)
        for activity in campaign["campaign_activities"]:
            if _text(activity, "role") in ROLES_WITH_REPORTS:
                name = "campaign_activity_id"
                one = {name: _id_of(activity, name)}
                page = next(iter(_Clicks(self._tap).pages({**one, "limit": 1})))
                found = "some" if page else "none yet"
                return OK, f"the newest email's can be read; it has {found}"
        return OK, "the newest email has no report of clicks"


def _text(row: dict[str, Any], name: str) -> str:
    """Return a text of the API's; an empty one where it is anything else."""
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _id_of(row: dict[str, Any], name: str) -> str:
    """Return an id.

    Raises:
        FatalAPIError: There is none.
    """
    if not row.get(name):
        message = f"The answer has a row without {name}: run again, or report it"
        raise FatalAPIError(message)
    return str(row[name])


def claims(token: str | None) -> dict[str, Any]:
    """Return what an access token says of itself, if it is a JWT; unverified."""
    try:
        part = (token or "").split(".")[1]
        said = decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


@click.command()
@config_option
@json_option
@click.pass_context
def check(ctx: click.Context, configs: Sequence[str], *, as_json: bool) -> None:
    """See whether the tap can run: token, scopes, API, clock, reports, token store.

    Takes four or five requests of the day's. Exit code 1 if something is to be mended.
    """
    config = dict(tap_of(configs).config)
    # Its own few requests are not what the budget is for.
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
        told = {"ok": not failed, "requests": spent, "checks": found}
        print_json(told, indent=None)
    else:
        say(screen, f"{spent['api']} requests of the API, {spent['token']} for tokens")
    ctx.exit(1 if failed else 0)


def _line(finding: Finding) -> Text:
    status = Text(f"{finding.status:<8}", STYLES[finding.status])
    text = printable(finding.text, LONGEST_LINE)
    return status + Text(f"{finding.name:<12} {text}", "")

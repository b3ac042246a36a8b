"""The simulator in a separate process, so that a tap has a processor to itself."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_cc_clicks.sandbox import Account, Sandbox
from tap_cc_clicks.sandbox.limits import Limits

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from types import TracebackType
    from typing import Self


@dataclass(frozen=True)
class Traffic:
    """The requests to the service since the last reset.

    Attributes:
        endpoints: Requests by endpoint.
        statuses: Responses by status.
        arrivals: The time of each request, in seconds of a monotonic clock.
    """

    endpoints: Counter[str]
    statuses: Counter[int]
    arrivals: list[float]

    @property
    def useful_rate(self) -> float:
        """Successful requests a second.

        Without the first one, which starts the interval.
        """
        seconds = self.arrivals[-1] - self.arrivals[0]
        return (self.statuses[200] - 1) / max(seconds, 0.001)

    @property
    def throttled(self) -> float:
        """The share of requests answered 429."""
        return self.statuses[429] / max(self.statuses.total(), 1)


class Service:
    """An account of a given size behind a server in another process.

    Args:
        campaigns: Campaigns, each sent once.
        clicks: Clicks of each.
        repeated: Whether all activities show the same clicks, to save memory.
        latency: Seconds until each response.
        limited: Whether more than 4 requests a second are refused.
    """

    def __init__(
        self,
        campaigns: int,
        clicks: int,
        *,
        repeated: bool = False,
        latency: float = 0,
        limited: bool = False,
    ) -> None:
        """Prepare the process without starting it."""
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        size = (campaigns, clicks, repeated, latency, limited)
        self._process = context.Process(
            target=_serve, args=(theirs, *size), daemon=True
        )

    def __enter__(self) -> Self:
        """Start, and wait until it serves."""
        self._process.start()
        self.config: dict[str, Any] = self._ours.recv()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self._ours.send(("stop", None))
        self._process.join()

    def traffic(self) -> Traffic:
        """Return the requests, and reset them."""
        self._ours.send(("traffic", None))
        return Traffic(*self._ours.recv())

    def click_in(self, campaigns: int) -> None:
        """Add a click by a new contact in each of some campaigns."""
        self.on_account(partial(_click_in, campaigns))

    def on_account(self, work: Callable[[Account], Any]) -> Any:
        """Return the result of a module-level function or partial on the account."""
        self._ours.send(("account", work))
        return self._ours.recv()


def _click_in(campaigns: int, account: Account) -> None:
    for activity in account.clickable()[:campaigns]:
        account.add_click(activity, contact_id=account.uuid())


def make(campaigns: int, clicks: int, repeated: bool) -> Account:  # noqa: FBT001
    """Return an account with a number of clicks in every campaign."""
    account = Account()
    shared = None
    for number in range(campaigns):
        sent = account.now - timedelta(days=2 + number / 20)
        campaign = account.add_campaign(sent=sent, roles=("primary_email",))
        (activity,) = campaign.activities
        if shared is None or not repeated:
            shared = [
                account.make_click(activity, sent + timedelta(seconds=n))
                for n in range(clicks)
            ][::-1]
        activity.clicks = shared
        activity.people = {str(n) for n in range(clicks)}
    return account


def _serve(
    connection: Connection,
    campaigns: int,
    clicks: int,
    repeated: bool,  # noqa: FBT001
    latency: float,
    limited: bool,  # noqa: FBT001
) -> None:
    account = make(campaigns, clicks, repeated)
    limits = Limits(4 if limited else None)
    arrivals: list[float] = []
    with Sandbox(account, latency=latency, limits=limits) as sandbox:
        sandbox.on_request = lambda _: arrivals.append(time.monotonic())
        connection.send(sandbox.config)
        while (order := connection.recv())[0] != "stop":
            if order[0] == "account":
                connection.send(order[1](account))
                continue
            log = sandbox.log
            connection.send((log.counts(), log.statuses(), list(arrivals)))
            log.clear()
            arrivals.clear()

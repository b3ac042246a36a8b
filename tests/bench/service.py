"""The simulator in a process of its own, so that a tap has a processor to itself."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tap_cc_clicks.sandbox import Account, Sandbox
from tap_cc_clicks.sandbox.limits import Limits

if TYPE_CHECKING:
    from collections import Counter
    from multiprocessing.connection import Connection
    from types import TracebackType

    from typing_extensions import Self


@dataclass(frozen=True)
class Traffic:
    """What the service was asked since it was last told to forget.

    Attributes:
        endpoints: Requests by endpoint.
        statuses: Answers by status.
        seconds: Between the first arrival and the last one.
    """

    endpoints: Counter[str]
    statuses: Counter[int]
    seconds: float

    @property
    def useful_rate(self) -> float:
        """Requests a second that were answered with what was asked for.

        Without the first one: it opens the stretch of time, and does not fill it.
        """
        return (self.statuses[200] - 1) / max(self.seconds, 0.001)

    @property
    def throttled(self) -> float:
        """The share of requests answered 429."""
        return self.statuses[429] / max(self.statuses.total(), 1)


class Service:
    """An account of a given size behind a server in another process.

    Args:
        campaigns: Campaigns, each sent once.
        clicks: Clicks of each.
        alike: Whether all activities show the same clicks, to save memory.
        latency: Seconds that every answer takes.
        limited: Whether more than 4 requests a second are refused.
    """

    def __init__(
        self,
        campaigns: int,
        clicks: int,
        *,
        alike: bool = False,
        latency: float = 0,
        limited: bool = False,
    ) -> None:
        """Start nothing yet."""
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        size = (campaigns, clicks, alike, latency, limited)
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
        """Return what was asked, and forget it."""
        self._ours.send(("traffic", None))
        return Traffic(*self._ours.recv())

    def click_in(self, campaigns: int) -> None:
        """Let someone new click in each of so many campaigns."""
        self._ours.send(("click", campaigns))
        self._ours.recv()


def make(campaigns: int, clicks: int, alike: bool) -> Account:  # noqa: FBT001
    """Return an account in which every campaign has so many clicks."""
    account = Account()
    shared = None
    for number in range(campaigns):
        sent = account.now - timedelta(days=2 + number / 20)
        campaign = account.add_campaign(sent=sent, roles=("primary_email",))
        (activity,) = campaign.activities
        if shared is None or not alike:
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
    alike: bool,  # noqa: FBT001
    latency: float,
    limited: bool,  # noqa: FBT001
) -> None:
    account = make(campaigns, clicks, alike)
    limits = Limits(4 if limited else None)
    arrivals: list[float] = []
    with Sandbox(account, latency=latency, limits=limits) as sandbox:
        sandbox.on_request = lambda _: arrivals.append(time.monotonic())
        connection.send(sandbox.config)
        while (order := connection.recv())[0] != "stop":
            if order[0] == "click":
                for activity in account.clickable()[: order[1]]:
                    account.add_click(activity, contact_id=account.uuid())
                connection.send(None)
                continue
            seconds = arrivals[-1] - arrivals[0] if arrivals else 0.0
            log = sandbox.log
            connection.send((log.counts(), log.statuses(), seconds))
            log.clear()
            arrivals.clear()

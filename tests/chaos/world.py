"""An account, a tap whose runs have faults, and an upserting target."""

from __future__ import annotations

import json
import random
import signal
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import SingerSDKError

from tap_cc_clicks.events.declaration import EVENT_REPORTS
from tap_cc_clicks.sandbox import Fault, Sandbox, generate
from tap_cc_clicks.sandbox.account import EVENTS
from tap_cc_clicks.tap import TapCCClicks
from tests.child import Fate, start
from tests.support import HANGS, captured, clock, compared, everything, truth

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Generator
    from datetime import datetime
    from pathlib import Path
    from types import FrameType
    from typing import Self

    from tap_cc_clicks.events.declaration import EventReport
    from tap_cc_clicks.sandbox.account import Activity

DAY = 86_400
CATALOG = everything()
KEYS = {report.stream: report.key for report in EVENT_REPORTS}
PROBABILITY = 0.2
GATEWAY = "<html><body>Bad Gateway</body></html>"

# Faults that a retry can pass, then faults that end an item or a run.
FAULTS = {
    "500": Fault("status", status=500, body={"error_key": "oops"}),
    "502": Fault("status", status=502, body=GATEWAY),
    "503": Fault("status", status=503),
    "504": Fault("status", status=504, body=GATEWAY),
    "408": Fault("status", status=408),
    "425": Fault("status", status=425),
    "throttled": Fault("status", status=429, body=[{"error_key": "throttled"}]),
    "429": Fault("status", status=429),
    "reset": Fault("reset"),
    "half-close": Fault("half_close"),
    "truncated": Fault("truncate"),
    "lost": Fault("lost_answer"),
    "not-json": Fault("not_json"),
    "wrong-shape": Fault("wrong_shape"),
    "slow": Fault("slow", seconds=0.03),
    "drip": Fault("drip", seconds=0.03),
    "headers": Fault("many_headers"),
    "400": Fault("status", status=400, body=[{"error_key": "query.param.invalid"}]),
    "401": Fault("status", status=401, body={"error_key": "unauthorized"}),
    "403": Fault("status", status=403, body=[{"error_key": "forbidden"}]),
    "404": Fault("status", match="/emails/|/reports/", status=404),
    "quota": Fault("status", status=429, body=[{"error_key": "quota_exceeded"}]),
    "redirect": Fault("redirect"),
    "foreign-link": Fault("foreign_next", match="^/(emails$|reports)"),
    "circle": Fault("endless_next", match="^/(emails$|reports)"),
    "bad-row": Fault("bad_row", match="tracking/", field="created_time"),
}
# Permanent faults of a single item.
LASTING = [FAULTS[name] for name in ("500", "504", "400", "403", "404", "not-json")]
COUNTS: Counter[str] = Counter()


class World:
    """A case: an account, and the pipeline that reads it.

    Args:
        seed: The seed of all random choices.
        concurrency: The setting.
        options: See :class:`Sandbox`.

    Attributes:
        state: The last state that the target confirmed.
        warehouse: The events in the target, by stream and id.
        errors: The messages of failed runs.
        clock_jumps: Whether the clock sometimes jumps by days and weeks.
        expiries: Whether all access tokens sometimes expire.
    """

    def __init__(self, seed: int, concurrency: int, **options: Any) -> None:
        COUNTS["cases"] += 1
        self.random = random.Random(seed)
        self.state: dict[str, Any] = {}
        self.warehouse: dict[tuple[str, str], dict[str, Any]] = {}
        self.account = generate(seed, campaigns=8, clicks=80, recipients=9)
        self.account.stats_lag = timedelta(hours=self.random.choice([0, 0, 3]))
        keyset = self.random.random() < PROBABILITY
        self.sandbox = Sandbox(self.account, keyset=keyset, **options)
        self.sandbox.on_request = self._pass
        self.settings: dict[str, Any] = {
            **self.sandbox.config,
            "concurrency": concurrency,
            "page_size": self.random.randint(4, 30),
            # Some cases look at only a few emails in each run.
            "look_requests_per_day": self.random.choice([500, 500, 1]),
        }
        self.errors: list[str] = []
        self.clock_jumps = self.expiries = False
        self._wrong_by = 0.0
        self._requests = 0
        self._calm_until = 30
        self._arriving = True

    def __enter__(self) -> Self:
        self.sandbox.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self.sandbox.stop()

    def _pass(self, _: str) -> None:
        """Sometimes add an event during a run."""
        self._requests += 1
        if self._arriving and self.random.random() < 0.1:
            self._click()
        if self._requests < self._calm_until:
            return
        self._calm_until = self._requests + self.random.randint(20, 40)
        if self.clock_jumps:
            self._wrong_by += self.random.choice([-40, -2, 2, 40]) * DAY
        if self.expiries:
            self.sandbox.tokens.expire_all()

    def _click(self) -> None:
        activity = self.random.choice(self.account.clickable())
        hours = self.random.choice([0, 0, self.random.uniform(0, 300)])
        when = self.account.now - timedelta(hours=hours)
        self.account.add_click(activity, when)
        self._also(activity, when)

    def _also(self, activity: Activity, when: datetime) -> None:
        """Add another event, sometimes two identical ones."""
        name = self.random.choice([*EVENTS])
        event = self.account.add_event(activity, name, when)
        # A second event of a person changes no counter of people.
        self.account.add_event(activity, "opens", when)
        if self.random.random() < PROBABILITY:
            activity.insert(type(event)(dict(event.row)), name)

    def live(self) -> None:
        """Advance by some hours, with clicks, late clicks and new emails."""
        self.account.advance(hours=self.random.randint(1, 9))
        for _ in range(self.random.randint(0, 6)):
            self._click()
        if self.random.random() < PROBABILITY:
            self.account.resend(self.random.choice(self._sent()))
        if self.random.random() < PROBABILITY:
            activity = self.account.add_campaign().activities[0]
            # Without any event, the simulator makes up counters of other events.
            self.account.add_event(activity, "sends")
            self.account.add_click(activity)
        self._wrong_by += DAY

    def _sent(self) -> list[Any]:
        campaigns = self.account.campaigns
        return [campaigns[one.campaign_id] for one in self.account.clickable()]

    def run(self, **settings: Any) -> list[dict[str, Any]]:
        """Run the tap once, and return its messages, even if it fails."""
        COUNTS["runs"] += 1
        config = {**self.settings, **settings}
        state = json.loads(json.dumps(self.state))
        with clock(lambda: self._wrong_by), time_limit(), captured() as output:
            try:
                TapCCClicks(config=config, state=state, catalog=CATALOG).sync_all()
            except SingerSDKError as error:
                COUNTS["runs that failed"] += 1
                self.errors.append(str(error))
        return output.messages

    def take(self, messages: list[dict[str, Any]]) -> None:
        """Upsert records, and keep each STATE."""
        for message in messages:
            if message["type"] == "STATE":
                self.state = message["value"]
            elif message["type"] == "RECORD" and message["stream"] in KEYS:
                stream, record = message["stream"], message["record"]
                self.warehouse[stream, record[KEYS[stream]]] = record

    def start(self, folder: Path, fate: Fate | None = None) -> subprocess.Popen[bytes]:
        """Start the tap as a process with the last state."""
        COUNTS["runs"] += 1
        COUNTS["processes"] += 1
        path = folder / "state.json"
        path.write_text(json.dumps(self.state))
        catalog = folder / "catalog.json"
        catalog.write_text(json.dumps(CATALOG))
        fate = fate or Fate()
        fate.clock, fate.state_records = self._wrong_by, 3
        files = ("--state", str(path), "--catalog", str(catalog))
        return start(self.settings, folder, *files, fate=fate)

    def inject(self, *faults: Fault, probability: float = PROBABILITY) -> None:
        """Inject these faults into a share of all requests."""
        each = probability / len(faults)
        self.sandbox.faults.rules[:] = [
            replace(fault, probability=each) for fault in faults
        ]

    def expect_all(self) -> None:
        """Let each run see all rows: none comes late or uncounted."""
        self._arriving = False
        self.account.stats_lag = timedelta()
        self.settings["lookback"] = 2000
        self.settings["look_requests_per_day"] = 0

    def break_items(self) -> set[str]:
        """Break one item of each kind permanently, in addition to other faults.

        Returns:
            The activity and the campaign whose clicks cannot be read.
        """
        items = [self.random.choice(self.account.clickable()) for _ in range(5)]
        counted, linked, detailed, looked_up, read = items
        self.sandbox.faults.rules[:0] = [
            replace(self.random.choice(LASTING), match=match)
            for match in (
                f"/reports/stats.*{counted.campaign_activity_id}",
                f"{linked.campaign_activity_id}/links",
                f"/emails/activities/{detailed.campaign_activity_id}",
                f"/emails/{looked_up.campaign_id}",
                f"{read.campaign_activity_id}/tracking",
            )
        ]
        return {read.campaign_activity_id, looked_up.campaign_id}

    def assert_healthy(self, broken: set[str]) -> None:
        """Check that all rows but those of broken items are loaded."""
        campaigns = self.account.campaigns.values()
        healthy = {
            activity.campaign_activity_id
            for campaign in campaigns
            for activity in campaign.activities
            if broken.isdisjoint([campaign.campaign_id, activity.campaign_activity_id])
        }
        for report in EVENT_REPORTS:
            there = [
                row
                for row in self.account.rows(report.path)
                if row["campaign_activity_id"] in healthy
            ]
            missing = Counter(compared(report, there)) - Counter(self.held(report))
            assert not missing, report.stream

    def held(self, report: EventReport) -> list[tuple[Any, ...]]:
        """Return the loaded rows of a report."""
        held = [
            record
            for (stream, _), record in self.warehouse.items()
            if stream == report.stream
        ]
        return compared(report, held)

    def assert_loaded(self) -> None:
        """Check that the warehouse has exactly the account's rows of every report."""
        for report in EVENT_REPORTS:
            assert self.held(report) == truth(report, self.account), report.stream

    def calm(self) -> None:
        """Stop faults and new events, and let the next run look at everything."""
        self.sandbox.faults.rules.clear()
        self.clock_jumps = self.expiries = self._arriving = False
        self.settings["look_requests_per_day"] = 0
        self.account.advance(hours=4)
        self._wrong_by = max(self._wrong_by, 0) + 10 * DAY

    def assert_truth(self) -> None:
        """Check that a last run without faults completes the warehouse."""
        self.calm()
        self.errors.clear()
        self.take(self.run())
        assert not self.errors
        self.assert_loaded()


def messages_in(written: bytes) -> list[dict[str, Any]]:
    """Return the complete messages."""
    complete, _, _ = written.rpartition(b"\n")
    return [json.loads(line) for line in complete.splitlines()]


@contextmanager
def time_limit() -> Generator[None]:
    """Fail instead of hanging."""

    def hangs(_: int, __: FrameType | None) -> None:
        message = "The run hangs"
        raise AssertionError(message)

    former = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)

"""What all streams of one run share."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from singer_sdk import metrics

from tap_cc_clicks.api.auth import ConstantContactAuthenticator
from tap_cc_clicks.api.client import Client
from tap_cc_clicks.api.columns import Anomalies
from tap_cc_clicks.api.errors import RunEndedError
from tap_cc_clicks.api.log_filter import guard_logs
from tap_cc_clicks.api.pacing import RequestGate
from tap_cc_clicks.api.service import Service
from tap_cc_clicks.api.transport import Transport
from tap_cc_clicks.settings import Settings
from tap_cc_clicks.sync.failures import Failures
from tap_cc_clicks.sync.listing import Listing
from tap_cc_clicks.sync.progress import Progress


class InterruptedRun(BaseException):
    """The process got Ctrl-C or SIGTERM."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"Interrupted by {signal.Signals(signum).name}")
        self.signum = signum


class Run:
    """The client, the pace and the failures that all streams share.

    Args:
        settings: The typed settings.
        config: The tap's config, with credentials and URLs.
        logger: Where to log.
        signum: Returns the signal that the process got, if any.
    """

    def __init__(
        self,
        settings: Settings,
        config: Mapping[str, Any],
        logger: logging.Logger,
        signum: Callable[[], int | None],
    ) -> None:
        guard_logs(logger.name)
        self.settings = settings
        self.logger = logger
        self.authenticator = ConstantContactAuthenticator(config, logger)
        self.counter = metrics.Counter(metrics.Metric.HTTP_REQUEST_COUNT)
        self.gate = RequestGate(
            settings.requests_per_second, settings.max_requests, self.counter.increment
        )
        self.client = partial(
            Client,
            str(config["api_url"]),
            Transport(settings.concurrency),
            self.authenticator,
            self.gate,
            logger,
        )
        self.anomalies = Anomalies()
        self.service = Service(self.client(), settings.page_size, self.anomalies)
        self.once = Service(self.client(tries=1), settings.page_size, self.anomalies)
        self.failures = Failures(logger, self.gate.shut, settings.accepted_failures)
        self.listing = Listing(
            self.service, settings.campaign_ids, logger, self.failures
        )
        self.progress = Progress(logger, self.gate, settings.key_requests_per_day)
        self._signum = signum
        self._end_logged = False
        self._end_lock = threading.Lock()

    def heartbeat(self) -> None:
        """Log progress, and stop after a signal.

        The signal handler itself must not stop the run: a message may be half written.

        Raises:
            InterruptedRun: The process got a signal.
        """
        if (signum := self._signum()) is not None:
            raise InterruptedRun(signum)
        self.progress.heartbeat()

    def log_end(self, reason: RunEndedError) -> None:
        """Warn, once, that the run ends early."""
        # Several threads may get here at once.
        with self._end_lock:
            logged, self._end_logged = self._end_logged, True
        if not logged:
            self.logger.warning("%s", reason)

    def finish(self) -> None:
        """Log what the run did, and what could not be read.

        Raises:
            FatalSyncError: Something could not be read.
        """
        if self.gate.ended:
            # No thread may have got as far as to report it.
            self.log_end(self.gate.ended)
        self.progress.finish()
        self.failures.tell()

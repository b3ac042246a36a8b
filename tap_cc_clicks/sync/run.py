"""What all streams of a run share."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Mapping
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
    """The process was asked to end (Ctrl-C or SIGTERM)."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"Interrupted by {signal.Signals(signum).name}")
        self.signum = signum


class Run:
    """The client, limits and failures of a run, shared by all streams.

    Args:
        settings: The typed settings.
        config: The config, with credentials and URLs.
    """

    def __init__(
        self,
        settings: Settings,
        config: Mapping[str, Any],
        logger: logging.Logger,
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
        self.signum: int | None = None
        self._end_told = False
        self._telling = threading.Lock()

    def heartbeat(self) -> None:
        """Log progress, and end the run after a signal.

        Not in the signal's handler, where a message may be half written.

        Raises:
            InterruptedRun: A signal asked the process to end.
        """
        if self.signum is not None:
            raise InterruptedRun(self.signum)
        self.progress.heartbeat()

    def log_end(self, reason: RunEndedError) -> None:
        """Warn, once, that the run ends early."""
        # Several threads may come upon the end at once.
        with self._telling:
            told, self._end_told = self._end_told, True
        if not told:
            self.logger.warning("%s", reason)

    def finish(self) -> None:
        """Log the results; fail if something could not be read.

        Raises:
            FatalSyncError: There are failures; they were logged.
        """
        self.progress.finish()
        self.failures.tell()

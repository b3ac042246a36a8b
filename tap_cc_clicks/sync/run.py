"""What all streams of one run share."""

from __future__ import annotations

import abc
import signal
import sys
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from singer_sdk import Tap, metrics
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._classproperty import classproperty
from typing_extensions import override

from tap_cc_clicks.auth import ConstantContactAuthenticator
from tap_cc_clicks.hush import hush_queries
from tap_cc_clicks.limits import PacedSession, RequestGate, RunEndedError
from tap_cc_clicks.progress import Progress, RunCounter
from tap_cc_clicks.settings import Settings, from_environment, problems
from tap_cc_clicks.state import PacedStateWriter, load, stamp
from tap_cc_clicks.writer import PageWriter

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping
    from types import FrameType

# A shell's way to tell that a process ended by a signal.
SIGNAL_EXIT_BASE = 128


class InterruptedRun(BaseException):
    """The process was asked to end (Ctrl-C or SIGTERM)."""

    def __init__(self, signum: int) -> None:
        """Remember which signal it was."""
        super().__init__(f"Interrupted by {signal.Signals(signum).name}")
        self.signum = signum


class Run:
    """One limiter, one authenticator and one session for all streams.

    Args:
        config: The tap's config, found valid.
        schema: The JSON schema of the settings.
        logger: Where progress is told.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        schema: Mapping[str, Any],
        logger: logging.Logger,
    ) -> None:
        """Open nothing yet: no request is made before it is wanted."""
        hush_queries()
        self.settings = Settings.from_config(config, schema)
        self.authenticator = ConstantContactAuthenticator(config)
        self._counters: list[RunCounter] = []
        self.gate = RequestGate(
            self.settings.requests_per_second,
            self.settings.max_requests,
            self.counter(metrics.Metric.HTTP_REQUEST_COUNT),
        )
        self.session = PacedSession(self.gate, self.settings.concurrency)
        self.progress = Progress(logger, self.gate)
        self.failures = 0
        self.signum: int | None = None
        self._logger = logger
        self._end_told = False
        self._telling = threading.Lock()

    def counter(
        self, metric: metrics.Metric, tags: dict[Any, Any] | None = None
    ) -> RunCounter:
        """Return a counter that tells the rest of its count however the run ends."""
        self._counters.append(RunCounter(metric, tags))
        return self._counters[-1]

    def tell_counts(self) -> None:
        """Log what was counted since each counter last spoke."""
        for counter in self._counters:
            if counter.value:
                counter.exit()

    def beat(self) -> None:
        """Tell progress, and obey a signal.

        Not inside the signal's handler, where a message may be half written.

        Raises:
            InterruptedRun: A signal asked the process to end.
        """
        if self.signum is not None:
            raise InterruptedRun(self.signum)
        self.progress.beat()

    def tell_end(self, reason: RunEndedError) -> None:
        """Warn, once, that the run ends with work left."""
        # Several threads may come upon the end at once.
        with self._telling:
            told, self._end_told = self._end_told, True
        if not told:
            self._logger.warning("%s", reason)

    def tell_failure(self, error: Exception) -> None:
        """Report something that could not be read, while the rest goes on."""
        self._logger.error("%s", error)
        self.failures += 1


class RunTap(Tap, abc.ABC):
    """A tap whose streams share a run, and whose state is written at a pace."""

    message_writer_class = PageWriter

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Replace the SDK's state writer, which writes whenever it is offered state."""
        super().__init__(*args, **kwargs)
        self._state_writer = self._paced_state_writer

    @cached_property
    def run(self) -> Run:
        """What all streams share, made when the first of them wants it."""
        return Run(self.config, self.config_jsonschema, self.logger)

    @property
    @override
    def state_writer(self) -> PacedStateWriter:
        return self._paced_state_writer

    @cached_property
    def _paced_state_writer(self) -> PacedStateWriter:
        return PacedStateWriter(self.message_writer)

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805
        """The settings in the environment."""
        cls.append_builtin_config(cls.config_jsonschema)
        return from_environment(cls.config_jsonschema, cls._env_var_prefix)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Validate the settings, in sentences that repeat no value."""
        # Stream maps, flattening and batches are settings too.
        self.append_builtin_config(self.config_jsonschema)
        errors = problems(self._config, self.config_jsonschema)
        if errors and raise_errors:
            summary = "Config validation failed"
            raise ConfigValidationError(summary, errors=errors)
        # The SDK's own validation also fills in the defaults.
        return errors or super()._validate_config(raise_errors=False)

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        checked = load(state, self.streams)
        stamp(self.state)
        super().load_state(checked)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Ask the run to end; a second signal does not wait for it."""
        if self.run.signum is not None:
            sys.exit(SIGNAL_EXIT_BASE + signum)
        self.run.signum = signum

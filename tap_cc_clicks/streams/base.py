"""The base classes of the tap and its streams."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

from singer_sdk import StreamSchema
from singer_sdk.schema.source import SchemaDirectory
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_cc_clicks.settings import Settings
from tap_cc_clicks.singer import ClosedPipeError, OwnStream, OwnTap
from tap_cc_clicks.sync.findings import tell
from tap_cc_clicks.sync.run import Run

SCHEMAS = SchemaDirectory(Path(__file__).parents[1] / "schemas")


class RunTap(OwnTap):
    """A tap whose streams share a run.

    Attributes:
        at_end: Called after all records were written.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.at_end: list[Callable[[], None]] = []
        self._finished = False
        super().__init__(**kwargs)

    @cached_property
    def run(self) -> Run:
        """What all streams of this run share."""
        settings = Settings.from_config(self.config)
        return Run(settings, self.config, self.logger, lambda: self.signum)

    def finish(self) -> None:
        """End the run, once: write STATE and log what was done.

        Raises:
            FatalSyncError: Something could not be read, and was logged.
        """
        if self._finished:
            return
        self._finished = True
        for settle in self.at_end:
            settle()
        tell(self.run.anomalies.counts, cast("dict[str, Any]", self.state), self.logger)
        self.paced.flush(self.state)
        self.run.finish()


class ConstantContactStream(OwnStream):
    """A stream of the Constant Contact V3 API."""

    schema: ClassVar[StreamSchema] = StreamSchema(SCHEMAS)
    replication_key: str | None = None
    _tap: RunTap  # ty: ignore[incompatible-mutable-override]

    @property
    def run(self) -> Run:
        """What all streams of this run share."""
        return self._tap.run

    @property
    def reads_all(self) -> bool:
        """Whether bookmarks are ignored (FULL_TABLE)."""
        return self.replication_method == REPLICATION_FULL_TABLE

    def settle(self, step: Callable[[], None]) -> None:
        """Change state, once the records before are written: with BATCH, at the end."""
        if self.batching:
            self._tap.at_end.append(step)
        else:
            step()

    def flush(self) -> None:
        """Write STATE, unless records still wait for their BATCH message."""
        if not self.batching:
            # A closed pipe is reported where it happened, or at the end of the run.
            with suppress(ClosedPipeError):
                self._tap.paced.flush(self.tap_state)
        if self.run.counter.value:
            self.run.counter.exit()

    @override
    def log_sync_costs(self) -> None:
        """End the run: the SDK calls this for each stream when all were synced."""
        self._tap.finish()

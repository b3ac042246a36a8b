"""Running the tap in a test, and reading its output."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from ruamel.yaml import YAML

from tap_cc_clicks.streams import STREAMS
from tap_cc_clicks.tap import TapCCClicks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tap_cc_clicks.events.declaration import EventReport
    from tap_cc_clicks.sandbox import Account, Sandbox

# Examples of a fuzz test in which each example is a whole run.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
# A timeout in seconds that only a hanging process reaches, even on a busy machine.
HANGS = 600
# A wait in seconds that a test must not sit out.
NEVER = 10 * HANGS
RECIPES = dict(
    re.findall(
        r"<!-- recipe: ([\w-]+) -->\n```yaml\n(.*?)```",
        (Path(__file__).parents[1] / "docs" / "recipes.md").read_text("utf-8"),
        re.DOTALL,
    )
)
TRUTH = (
    "campaign_activity_id",
    "contact_id",
    "url_id",
    "link_url",
    "created_time",
    "device_type",
    "email_address",
    "first_name",
    "last_name",
)


@dataclass
class Output:
    """The output of a run."""

    messages: list[dict[str, Any]] = field(default_factory=list)

    def records(self, stream: str) -> list[dict[str, Any]]:
        """Return the records of a stream."""
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def counts(self) -> Counter[tuple[str, str | None]]:
        """Return the number of messages by type and stream."""
        return Counter((one["type"], one.get("stream")) for one in self.messages)

    @property
    def states(self) -> list[dict[str, Any]]:
        """The states, in order."""
        return [one["value"] for one in self.messages if one["type"] == "STATE"]

    @property
    def state(self) -> dict[str, Any]:
        """The last state."""
        return self.states[-1]


@contextmanager
def captured() -> Generator[Output]:
    """Capture stdout, even if the run fails."""
    output, stdout = Output(), sys.stdout
    buffer = io.BytesIO()
    sys.stdout = wrapper = io.TextIOWrapper(buffer, "utf-8", write_through=True)
    try:
        yield output
    finally:
        sys.stdout = stdout
        lines = buffer.getvalue().splitlines()
        wrapper.close()
        output.messages += [json.loads(line) for line in lines]


@contextmanager
def clock(wrong_by: Callable[[], float]) -> Generator[None]:
    """Change the clock of tap and simulator.

    Args:
        wrong_by: Called whenever the time is asked for; returns seconds.
    """
    real = time.time

    def shown() -> float:
        return real() + wrong_by()

    with mock.patch("time.time", shown):
        yield


def run_tap(
    sandbox: Sandbox,
    state: dict[str, Any] | None = None,
    catalog: dict[str, Any] | None = None,
    **config: Any,
) -> Output:
    """Sync all selected streams, and return the output."""
    # As if read from a file, as under Meltano.
    state = json.loads(json.dumps(state or {}))
    with captured() as output:
        tap = TapCCClicks(
            config={**sandbox.config, **config}, state=state, catalog=catalog
        )
        tap.sync_all()
    return output


def select(*streams: str, **properties: list[str]) -> dict[str, Any]:
    """Return a catalog of these streams; for some, only of these properties."""
    catalog: dict[str, Any] = TapCCClicks(validate_config=False).catalog_dict
    for stream in catalog["streams"]:
        name = stream["tap_stream_id"]
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = name in streams
            elif name in properties:
                selected = entry["breadcrumb"][-1] in properties[name]
                entry["metadata"]["selected"] = selected
    return catalog


def everything() -> dict[str, Any]:
    """Return a catalog with all streams."""
    return select(*(stream.name for stream in STREAMS))


def clicks(output: Output) -> dict[str, dict[str, Any]]:
    """Return the clicks as an upserting loader stores them."""
    return {record["click_id"]: record for record in output.records("email_clicks")}


def rows(records: Any) -> list[tuple[Any, ...]]:
    """Return clicks in a comparable form and order."""
    return sorted(
        (tuple(str(one.get(name)) for name in TRUTH) for one in records), key=repr
    )


def truth(report: EventReport, account: Account) -> list[tuple[Any, ...]]:
    """Return the rows of an account's report, in a comparable form."""
    return compared(report, account.rows(report.path))


def events(report: EventReport, *outputs: Output) -> list[tuple[Any, ...]]:
    """Return the rows of a report as an upserting loader stores them."""
    held = {
        record[report.key]: record
        for output in outputs
        for record in output.records(report.stream)
    }
    return compared(report, held.values())


def compared(report: EventReport, records: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a report in a comparable form and order."""
    made = {report.key, "campaign_id", "deleted_at", "bounce_reason"}
    names = [name for name in report.row.__struct_fields__ if name not in made]
    return sorted(
        (tuple(str(one.get(name)) for name in names) for one in records), key=repr
    )


def recipe(name: str) -> dict[str, Any]:
    """Return the settings of a recipe in docs/recipes.md, with its variables set."""
    config = YAML(typ="safe").load(RECIPES[name])["config"]
    expanded: dict[str, Any] = json.loads(os.path.expandvars(json.dumps(config)))
    return expanded

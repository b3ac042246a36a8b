"""The tools: how each is run, and the content of an upserting target afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from typing import Any

from tests.bench.compare.account import COLUMNS, Key, key_of
from tests.bench.measure import ENV

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
VENV = ROOT / ".venv"
CLICKS_ONLY = json.loads((ROOT / "catalog" / "clicks-only.json").read_text("utf-8"))
# As fast as possible, for a run in which only requests are counted.
UNLIMITED = 100_000


class Tool(ABC):
    """A tool with its state and its target, each in a folder.

    Args:
        folder: The folder of both.
        changed_only: Whether only changed campaigns are read.
    """

    environment = "dev"
    # Why it misses clicks although it reads all reports.
    why = ""

    def __init__(self, folder: Path, *, changed_only: bool = False) -> None:
        self.folder = folder
        self.changed_only = changed_only
        self.log = folder / "log"
        folder.mkdir()

    def run(self, service: dict[str, Any], hours: float, rate: int) -> None:
        """Load once, as if some hours ago."""
        settings = {
            **service,
            "requests_per_second": rate,
            "changed_only": self.changed_only,
        }
        out = self.folder / "out"
        with out.open("wb") as lines, self.log.open("wb") as log:
            done = subprocess.run(
                self.command(settings, hours),
                stdout=lines,
                stderr=log,
                env={**ENV, "PYTHONPATH": str(ROOT), "RUNTIME__DLTHUB_TELEMETRY": "0"},
                check=False,
            )
        if done.returncode:
            sys.exit(f"{self.name} failed: {self.log.read_text('utf-8')[-2000:]}")
        with out.open("rb") as lines:
            for line in lines:
                self.take(json.loads(line))

    @property
    @abstractmethod
    def name(self) -> str:
        """The tool's name in the table."""

    @abstractmethod
    def command(self, settings: dict[str, Any], hours: float) -> list[str]:
        """Return the command that runs it."""

    @abstractmethod
    def take(self, message: dict[str, Any]) -> None:
        """Load a line of output."""

    @abstractmethod
    def loaded(self) -> Counter[Key]:
        """Return the clicks in the target, and how often each is there."""

    def python(self) -> str:
        """Return the interpreter of its environment."""
        return str(VENV / self.environment / "bin" / "python")

    def write(self, name: str, value: Any) -> str:
        """Write a file for it."""
        path = self.folder / name
        path.write_text(json.dumps(value), "utf-8")
        return str(path)


class Singer(Tool):
    """A Singer tap, into a target that upserts by the stream's key."""

    module = "tap_cc_clicks"
    settings: tuple[str, ...] = (
        "client_id",
        "refresh_token",
        "api_url",
        "token_url",
        "requests_per_second",
    )
    catalog: Any = CLICKS_ONLY

    def __init__(self, folder: Path, *, changed_only: bool = False) -> None:
        super().__init__(folder, changed_only=changed_only)
        self.state: Any = None
        self.key: list[str] = []
        self.rows: dict[Key, Key] = {}

    @property
    def name(self) -> str:
        return "tap-cc-clicks"

    def command(self, settings: dict[str, Any], hours: float) -> list[str]:
        config = {name: settings[name] for name in self.settings}
        program = ["-m", "tests.bench.compare.earlier", str(hours), self.module]
        command = [self.python(), *program, "--config", self.write("config", config)]
        if self.state:
            command += ["--state", self.write("state", self.state)]
        if self.catalog:
            command += ["--catalog", self.write("catalog", self.catalog)]
        return command

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "STATE":
            self.state = message["value"]
        elif message.get("stream") != "email_clicks":
            return
        elif message["type"] == "SCHEMA":
            self.key = message["key_properties"]
        elif message["type"] == "RECORD":
            row = message["record"]
            self.rows[tuple(str(row[name]) for name in self.key)] = key_of(row)

    def loaded(self) -> Counter[Key]:
        return Counter(self.rows.values())


class Template(Singer):
    """The tap built from the SDK's template."""

    why = "Its key is the same for identical clicks."
    module = "tests.bench.template_tap"
    settings = ("client_id", "refresh_token", "api_url", "token_url")
    catalog = None

    @property
    def name(self) -> str:
        return "tap from the SDK's template"


class Dlt(Tool):
    """dlt's REST API source, which loads into DuckDB itself."""

    environment = "dlt"

    def __init__(self, folder: Path, *, changed_only: bool = False) -> None:
        super().__init__(folder, changed_only=changed_only)
        self.read: list[Key] = []

    @property
    def name(self) -> str:
        how = "changed campaigns" if self.changed_only else "all reports"
        return f"dlt {_version('dlt', 'dlt')}, {how}"

    def command(self, settings: dict[str, Any], hours: float) -> list[str]:
        del hours
        self.read = []
        script = str(HERE / "dlt_source.py")
        return [
            self.python(),
            script,
            self.write("config", settings),
            str(self.folder),
        ]

    def take(self, message: dict[str, Any]) -> None:
        self.read.append(key_of(message))

    def loaded(self) -> Counter[Key]:
        return Counter(self.read)


class Airbyte(Tool):
    """Airbyte's CDK, into a destination that deduplicates by the stream's key."""

    environment = "airbyte"
    why = (
        "Its key is the same for identical clicks, and it reads on for a day below its "
        "bookmark (`lookback_window`, as much as the tap's `lookback`)."
    )
    mode = "all reports"
    sync = ("incremental", "append_dedup")

    def __init__(self, folder: Path, *, changed_only: bool = False) -> None:
        super().__init__(folder, changed_only=changed_only)
        self.states: dict[str, Any] = {}
        self.rows: Counter[Key] = Counter()

    @property
    def name(self) -> str:
        how = "changed campaigns" if self.changed_only else self.mode
        return f"Airbyte CDK {_version('airbyte', 'airbyte-cdk')}, {how}"

    def command(self, settings: dict[str, Any], hours: float) -> list[str]:
        del hours
        stream = {
            "name": "email_clicks",
            "json_schema": {},
            "supported_sync_modes": ["full_refresh", "incremental"],
        }
        configured = {
            "stream": stream,
            "sync_mode": self.sync[0],
            "destination_sync_mode": self.sync[1],
            "primary_key": [[name] for name in COLUMNS],
        }
        command = [self.python(), str(HERE / "airbyte_source.py"), "read"]
        command += ["--config", self.write("config", settings)]
        command += ["--catalog", self.write("catalog", {"streams": [configured]})]
        if self.states:
            command += ["--state", self.write("state", list(self.states.values()))]
        return command

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "STATE":
            state = message["state"]
            self.states[state["stream"]["stream_descriptor"]["name"]] = state
        elif message["type"] == "RECORD":
            self.load(key_of(message["record"]["data"]))

    def load(self, click: Key) -> None:
        """Load a click."""
        self.rows[click] = 1

    def loaded(self) -> Counter[Key]:
        return self.rows


class AirbyteOverwrite(Airbyte):
    """The same without a bookmark, into a table that every run replaces."""

    why = (
        "The API shows no activities of a removed campaign, so a new table lacks them."
    )
    mode = "overwriting"
    sync = ("full_refresh", "overwrite")

    def command(self, settings: dict[str, Any], hours: float) -> list[str]:
        self.rows, self.states = Counter(), {}
        return super().command(settings, hours)

    def load(self, click: Key) -> None:
        self.rows[click] += 1


def _version(environment: str, package: str) -> str:
    path = ROOT / "requirements" / f"{environment}.txt"
    for line in path.read_text("utf-8").splitlines():
        name, _, version = line.partition("==")
        if name == package:
            return version
    raise LookupError(package)


# Each with whether it reads only changed campaigns.
ALL: tuple[tuple[type[Tool], bool], ...] = (
    (Singer, False),
    (Template, False),
    (Dlt, False),
    (Dlt, True),
    (Airbyte, False),
    (Airbyte, True),
    (AirbyteOverwrite, False),
)

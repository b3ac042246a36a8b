"""The loaders, each in its own environment, and readers of their tables."""

from __future__ import annotations

import ast
import csv
import json
import re
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg

from demo.stack import Postgres, tool

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).parent
SCHEMA = "clicks"
ARRAYS = ("contact_list_ids", "segment_ids")
DDL_COLUMN = re.compile(r"^\t(\w+) ([A-Z_]+)", re.MULTILINE)
DDL_KEY = re.compile(r"^\tPRIMARY KEY \((.+)\)", re.MULTILINE)
# The server's own time zone must not matter.
TIME_ZONE = "alter database postgres set timezone to 'America/New_York'"
POSTGRES_TYPES = """
    select attname, format_type(atttypid, atttypmod),
        attnum = any(coalesce(conkey, '{}'))
    from pg_attribute
    left join pg_constraint on conrelid = attrelid and contype = 'p'
    where attrelid = %s::regclass and attnum > 0 order by attnum
"""


@dataclass(frozen=True)
class Table:
    """The content of a table.

    Attributes:
        types: Columns and their types, as the warehouse or the file has them.
        key: The primary key's columns.
        rows: The rows, timestamps as text without a time zone, arrays as lists.
    """

    types: dict[str, str]
    key: list[str]
    rows: list[dict[str, Any]]


class Loader(ABC):
    """A loader, as the tests and the matrix run it.

    Attributes:
        name: Its name in the tables of the docs.
        program: Its command, named like its package.
        environment: Its folder below .venv/, and its file below requirements/.
        against: Its destination in these tests.
        upserts: Whether a row with a known key replaces the old one.
        nothing: What a null and an empty text land as.
        env: Environment variables that it needs.
    """

    name: ClassVar[str]
    program: ClassVar[str]
    environment: ClassVar[str]
    against: ClassVar[str]
    upserts: ClassVar[bool] = True
    nothing: ClassVar[dict[str | None, str | None]] = {}
    env: ClassVar[dict[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        """Create a folder for settings, logs and files."""
        self.folder = folder
        folder.mkdir()

    @property
    @abstractmethod
    def config(self) -> dict[str, Any]:
        """The loader's settings."""

    @abstractmethod
    def table(self, name: str) -> Table:
        """Read a table."""

    @property
    def command(self) -> list[str]:
        """The command with its settings."""
        path = self.folder / "loader.json"
        path.write_text(json.dumps(self.config), "utf-8")
        return [*self.run, "--config", str(path)]

    @property
    def run(self) -> list[str]:
        """The command without its settings."""
        return [tool(self.environment, self.program)]

    def lands(self, value: Any) -> Any:
        """Return what a value should land as."""
        empty = value is None or value == ""
        return self.nothing.get(value, value) if empty else value


class PostgresInsert(Loader):
    """target-postgres with its defaults."""

    name = "target-postgres, INSERT"
    program = "target-postgres"
    environment = "targets"
    against = "PostgreSQL from a wheel"
    # Otherwise, inserted timestamps land in the server's own time zone.
    env: ClassVar = {"PGTZ": "UTC"}
    use_copy = False

    def __init__(self, folder: Path, server: Postgres) -> None:
        """Use a separate schema on a server."""
        super().__init__(folder)
        self._server = server
        self._schema = f"{SCHEMA}_{'copy' if self.use_copy else 'insert'}"
        with psycopg.connect(server.url) as connection:
            connection.execute(TIME_ZONE)

    @property
    def config(self) -> dict[str, Any]:
        """The loader's settings."""
        return {
            "sqlalchemy_url": self._server.sqlalchemy_url,
            "default_target_schema": self._schema,
            "use_copy": self.use_copy,
        }

    def table(self, name: str) -> Table:
        """Read a table."""
        where = f"{self._schema}.{name}"
        with psycopg.connect(self._server.url) as connection:
            columns = connection.execute(POSTGRES_TYPES, [where]).fetchall()
            rows = connection.execute(f"select * from {where}".encode()).fetchall()
        names = [column for column, *_ in columns]
        return Table(
            {column: kind for column, kind, _ in columns},
            [column for column, _, is_key in columns if is_key],
            [dict(zip(names, map(_plain, row), strict=True)) for row in rows],
        )


class PostgresCopy(PostgresInsert):
    """target-postgres with ``use_copy``."""

    name = "target-postgres, COPY"
    use_copy = True


class DuckDB(Loader):
    """target-duckdb with a DuckDB that keeps the first row of a batch."""

    name = program = environment = "target-duckdb"
    against = "a DuckDB file"
    nothing: ClassVar = {"": None}
    # Small, so that many rows are the first or the last one of a batch.
    batch_size_rows = 7

    @property
    def config(self) -> dict[str, Any]:
        """The loader's settings."""
        return {
            "path": str(self.folder / "warehouse.duckdb"),
            "default_target_schema": SCHEMA,
            "batch_size_rows": self.batch_size_rows,
            "flush_all_streams": True,
        }

    def table(self, name: str) -> Table:
        """Read a table."""
        return self._read(self.folder / "warehouse.duckdb", SCHEMA, name)

    def _read(self, *where: Path | str) -> Table:
        python = tool(self.environment, "python")
        command = [python, str(HERE / "read_duckdb.py"), *map(str, where)]
        read = json.loads(subprocess.check_output(command))
        return Table(read["types"], read["key"], _with_lists(read["rows"], json.loads))


class Snowflake(DuckDB):
    """target-snowflake with an emulator: see ``snowflake_shim.py``."""

    name = program = "target-snowflake"
    environment = "dbt"
    against = "fakesnow, an emulator; **not Snowflake**"
    nothing: ClassVar = {}

    @property
    def config(self) -> dict[str, Any]:
        """The loader's settings."""
        return {
            "account": "example",
            "user": "someone",
            "password": "secret",
            "warehouse": "WAREHOUSE",
            "role": "LOADER",
            "database": "WAREHOUSE",
            "default_target_schema": SCHEMA,
        }

    @property
    def run(self) -> list[str]:
        """The loader with the emulator in Snowflake's place."""
        python = tool(self.environment, "python")
        return [python, str(HERE / "snowflake_shim.py"), str(self.folder)]

    def table(self, name: str) -> Table:
        """Read a table, with the types of the DDL."""
        path = self.folder / "WAREHOUSE.db"
        landed = self._read(path, SCHEMA.upper(), name.upper())
        statements = self.statements()
        begin = statements.index(f'CREATE TABLE "{SCHEMA.upper()}"."{name.upper()}"')
        ddl = statements[begin : statements.index(";\n", begin)]
        (key,) = DDL_KEY.findall(ddl)
        return Table(dict(DDL_COLUMN.findall(ddl)), key.split(", "), landed.rows)

    def statements(self) -> str:
        """Return every statement that the loader sent."""
        return (self.folder / "statements.sql").read_text("utf-8")


class JSONLines(Loader):
    """target-jsonl: a file for each stream and run."""

    name = program = "target-jsonl"
    environment = "singer"
    against = "files"
    upserts = False

    @property
    def config(self) -> dict[str, Any]:
        """The loader's settings."""
        return {"destination_path": str(self.folder / "output")}

    def table(self, name: str) -> Table:
        """Read all files of a stream, the oldest first."""
        lines = (
            line
            for path in self._files(name)
            # Not splitlines(): text may hold other line ends.
            for line in path.read_text("utf-8").split("\n")
        )
        rows = [json.loads(line) for line in lines if line]
        kinds = {"str": "string", "int": "number", "list": "array"}
        types = {
            column: kinds[type(value).__name__]
            for row in rows
            for column, value in row.items()
            if value is not None
        }
        return Table(types, [], [_with_moments_of(row) for row in rows])

    def _files(self, name: str) -> Iterable[Path]:
        return sorted((self.folder / "output").glob(f"{name}-2*"))


class CSV(JSONLines):
    """target-csv: a file for each stream and run."""

    name = program = "target-csv"
    environment = "targets"
    nothing: ClassVar = {None: ""}

    @property
    def config(self) -> dict[str, Any]:
        """The loader's settings; a timestamp in names keeps older files."""
        return {
            "output_path": str(self.folder / "output"),
            "file_naming_scheme": "{stream_name}-{timestamp}.csv",
            "batch_size_rows": 10_000,
            "add_record_metadata": True,
        }

    def table(self, name: str) -> Table:
        """Read all files of a stream, the oldest first."""
        rows: list[dict[str, Any]] = []
        for path in self._files(name):
            with path.open(encoding="utf-8", newline="") as lines:
                rows += csv.DictReader(lines)
        # Lists are in Python's notation.
        rows = _with_lists(rows, lambda text: ast.literal_eval(text) if text else "")
        types = dict.fromkeys(rows[0], "text")
        return Table(types, [], [_with_moments_of(row) for row in rows])


def everything(folder: Path, server: Postgres) -> list[Loader]:
    """Return all loaders, each with its own folder."""
    return [
        PostgresInsert(folder / "insert", server),
        PostgresCopy(folder / "copy", server),
        Snowflake(folder / "snowflake"),
        DuckDB(folder / "duckdb"),
        JSONLines(folder / "jsonl"),
        CSV(folder / "csv"),
    ]


def _with_moments_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a file, with timestamps as in a table."""
    return {
        name: _plain(datetime.fromisoformat(value))
        if value and name.endswith(("_time", "_at")) and not name.startswith("_sdc")
        else value
        for name, value in row.items()
    }


def _with_lists(rows: list[dict[str, Any]], read: Any) -> list[dict[str, Any]]:
    return [
        {
            name: read(value) if name in ARRAYS and value is not None else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _plain(value: Any) -> Any:
    """Return a timestamp as text in UTC, and other values unchanged."""
    if not isinstance(value, datetime):
        return value
    if value.tzinfo:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(timespec="microseconds")

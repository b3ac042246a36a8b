"""Land a folder of JSON lines in DuckDB or Snowflake's emulator, and build the models.

Run by the tests with the Python of .venv/dbt: ``dbt_build.py duckdb FOLDER``. It prints
as JSON what each node came to, and writes the rows of the marts into the folder.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

SCHEMAS = Path(__file__).parents[1] / "tap_cc_clicks" / "schemas"
SOURCES = "tap_cc_clicks"
MARTS = "cc_clicks_marts"
# What meltanolabs-target-snowflake makes of JSON schema.
SNOWFLAKE_TYPES = {"string": "varchar", "integer": "integer", "array": "variant"}


class DuckDB:
    """A file; columns get the types that DuckDB finds in the JSON."""

    build: tuple[str, ...] = ("build",)

    def __init__(self, folder: Path) -> None:
        """Name the file as profiles.yml does."""
        self._path = str(folder / "cc_clicks.duckdb")

    def patched(self) -> AbstractContextManager[None]:
        """Change nothing."""
        return nullcontext()

    def land(self, files: list[Path]) -> None:
        """Make a table of each file."""
        with import_module("duckdb").connect(self._path) as connection:
            connection.execute(f"create schema {SOURCES}")
            for file in files:
                connection.execute(
                    f"create table {SOURCES}.{file.stem} as "
                    f"from read_json('{file}', sample_size = -1)"
                )

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        with import_module("duckdb").connect(self._path) as connection:
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Snowflake:
    """An emulator within this process; columns get the types that the loader makes."""

    # The emulator has no temporary tables in a schema, which unit tests make.
    build: tuple[str, ...] = ("build", "--exclude-resource-type", "unit_test")

    def patched(self) -> AbstractContextManager[None]:
        """Put the emulator in the connector's place."""
        patched: AbstractContextManager[None] = import_module("fakesnow").patch()
        return patched

    def _cursor(self) -> Any:
        connector = import_module("snowflake.connector")
        return connector.connect(database="db", schema=SOURCES).cursor()

    def land(self, files: list[Path]) -> None:
        """Make a table of each file."""
        cursor = self._cursor()
        for file in files:
            types = self._types(file.stem)
            columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
            cursor.execute(f"create table {file.stem} ({columns})")
            values = ", ".join(
                "parse_json(%s)" if kind == "variant" else "%s"
                for kind in types.values()
            )
            for line in file.read_text("utf-8").splitlines():
                row = json.loads(line)
                cursor.execute(
                    f"insert into {file.stem} select {values}",
                    [_literal(row.get(name), kind) for name, kind in types.items()],
                )

    def _types(self, stream: str) -> dict[str, str]:
        schema = json.loads((SCHEMAS / f"{stream}.json").read_text("utf-8"))
        types = {
            name: "timestamp_ntz"
            if column.get("format") == "date-time"
            else SNOWFLAKE_TYPES[column["type"][0]]
            for name, column in schema["properties"].items()
        }
        return {**types, "_sdc_batched_at": "timestamp_ntz"}

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        cursor = self._cursor().execute(query)
        names = [column[0].lower() for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _literal(value: Any, kind: str) -> Any:
    if kind == "variant":
        return json.dumps(value)
    # The loader drops the zone, which is UTC.
    return value and (value.rstrip("Z") if kind == "timestamp_ntz" else value)


def main() -> None:
    """Land, build, tell, and write the marts."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    warehouse = Snowflake() if kind == "snowflake" else DuckDB(folder)
    with warehouse.patched():
        warehouse.land(sorted(folder.glob("*.jsonl")))
        runner = import_module("dbt.cli.main").dbtRunner()
        outcome = runner.invoke([*warehouse.build, "--quiet", "--target", kind])
        told = {
            one.node.name: {"status": str(one.status), "message": one.message}
            for one in outcome.result or ()
        }
        sys.stdout.write("\n" + json.dumps(told))
        models = [name for name in told if name.startswith(("dim_", "fct_", "recon"))]
        for name in models:
            rows = warehouse.rows(f"select * from {MARTS}.{name}")
            path = folder / f"{name}.{kind}"
            path.write_text(json.dumps(rows, default=str), "utf-8")
    sys.exit(not outcome.success)


if __name__ == "__main__":
    main()

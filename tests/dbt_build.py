"""Load JSON lines into DuckDB or Snowflake's emulator, build models and query them.

Run by the tests with the Python of .venv/dbt: ``dbt_build.py duckdb FOLDER STEP…``.
Each step is JSON: which folder to land, what dbt is to do, under which name to keep the
marts, what to ask them. It prints as JSON what the nodes of the last command came to.
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
SNOWFLAKE_MOMENTS = {"date-time", "date"}


class DuckDB:
    """A file; columns get the types that DuckDB finds in the JSON."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "cc_clicks.duckdb")

    def patched(self) -> AbstractContextManager[None]:
        """Patch nothing."""
        return nullcontext()

    def land(self, files: list[Path], schema: str) -> None:
        """Replace the table of each file."""
        with import_module("duckdb").connect(self._path) as connection:
            connection.execute(f"create schema if not exists {schema}")
            for file in files:
                connection.execute(
                    f"create or replace table {schema}.{file.stem} as "
                    f"from read_json('{file}', sample_size = -1)"
                )

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        with import_module("duckdb").connect(self._path) as connection:
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Snowflake:
    """An emulator in this process; columns have the types that the loader creates."""

    def patched(self) -> AbstractContextManager[None]:
        """Replace the connector by the emulator."""
        patched: AbstractContextManager[None] = import_module("fakesnow").patch()
        return patched

    def _cursor(self) -> Any:
        connector = import_module("snowflake.connector")
        return connector.connect(database="db", schema=SOURCES).cursor()

    def land(self, files: list[Path], schema: str) -> None:
        """Create the table of each file."""
        cursor = self._cursor()
        for file in files:
            types = self._types(file.stem)
            columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
            cursor.execute(f"create table {schema}.{file.stem} ({columns})")
            values = ", ".join(
                "parse_json(%s)" if kind == "variant" else "%s"
                for kind in types.values()
            )
            for line in file.read_text("utf-8").splitlines():
                row = json.loads(line)
                cursor.execute(
                    f"insert into {schema}.{file.stem} select {values}",
                    [_literal(row.get(name), kind) for name, kind in types.items()],
                )

    def _types(self, stream: str) -> dict[str, str]:
        schema = json.loads((SCHEMAS / f"{stream}.json").read_text("utf-8"))
        types = {
            name: "timestamp_ntz"
            if column.get("format") in SNOWFLAKE_MOMENTS
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


def take(
    step: dict[str, Any], kind: str, folder: Path, warehouse: DuckDB | Snowflake
) -> dict[str, Any]:
    """Run a step, and return the results of dbt."""
    if land := step.get("land"):
        files = sorted((folder / land).glob("*.jsonl"))
        warehouse.land(files, step.get("schema", SOURCES))
    told = _run(step["dbt"], kind) if "dbt" in step else {}
    if keep := step.get("keep"):
        kept = folder / keep
        kept.mkdir(exist_ok=True)
        for name, one in told.items():
            if one["mart"]:
                rows = warehouse.rows(f"select * from {MARTS}.{name}")
                _write(kept / f"{name}.json", rows)
    for name, query in step.get("ask", {}).items():
        _write(folder / f"{name}.json", warehouse.rows(query))
    return told


def _run(arguments: list[str], kind: str) -> dict[str, Any]:
    runner = import_module("dbt.cli.main").dbtRunner()
    outcome = runner.invoke([*arguments, "--quiet", "--target", kind])
    results = list(outcome.result or ())
    if outcome.exception or any(str(one.status) == "error" for one in results):
        raise SystemExit([str(outcome.exception), *(one.message for one in results)])
    return {
        one.node.name: {
            "status": str(one.status),
            "message": one.message,
            "mart": "marts" in one.node.fqn and str(one.node.resource_type) == "model",
        }
        for one in results
    }


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(rows, default=str), "utf-8")


def main() -> None:
    """Run all steps, and print the results of the last one."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    warehouse = Snowflake() if kind == "snowflake" else DuckDB(folder)
    with warehouse.patched():
        for step in sys.argv[3:]:
            told = take(json.loads(step), kind, folder, warehouse)
    sys.stdout.write("\n" + json.dumps(told))


if __name__ == "__main__":
    main()

"""target-snowflake with an emulator in place of Snowflake.

Run by the loader's own interpreter: ``snowflake_shim.py FOLDER --config …``; the tables
stay as DuckDB files in the folder, and every statement in ``statements.sql``.

The emulator has no user stages (``@~``). Here a staged file is remembered at PUT and
becomes a table when a MERGE reads it: ``$1`` is its one column, ``SEQ8()`` the number
of the line. So this shows that the DDL, the types, the casts and the MERGE are as they
should be, and says nothing about staging, COPY, sign-in or speed.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import fakesnow
from fakesnow.cursor import FakeSnowflakeCursor
from target_snowflake.target import TargetSnowflake

PUT = re.compile(r"put '(?P<file>[^']+)' '@~/target-snowflake/(?P<stage>[^']+)'")
FROM_STAGE = re.compile(
    r"\(select (?P<casts>.+) from '@~/target-snowflake/(?P<stage>[^']+)'"
    r"\(file_format => \S+\) QUALIFY"
)
NOT_EMULATED = [r"create or replace file format", r"drop file format", r"remove '@~"]

staged: dict[str, list[str]] = defaultdict(list)
execute = FakeSnowflakeCursor.execute


def execute_staged(
    cursor: FakeSnowflakeCursor, command: str, params: Any = None, **options: Any
) -> FakeSnowflakeCursor:
    """Execute a statement, with tables in place of the user's stage."""
    if params:
        command, params = cursor._rewrite_with_params(command, params)
    with (
        Path(sys.argv[0]).with_name("statements.sql").open("a", encoding="utf-8") as log
    ):
        log.write(f"{command};\n")
    if put := PUT.match(command):
        staged[put["stage"]].append(unquote(urlparse(put["file"]).path))
        command = "select 1"
    elif found := FROM_STAGE.search(command):
        rows = _rows(cursor, staged.pop(found["stage"]), found["casts"])
        command = FROM_STAGE.sub(f"(select * from {rows} QUALIFY", command)
        command = command.replace("SEQ8()", "staged_line")
    return execute(cursor, command, params, **options)


def _rows(cursor: FakeSnowflakeCursor, files: list[str], casts: str) -> str:
    """Return the name of a view of what the loader selects from staged files."""
    lines, rows = (
        f"{cursor._conn.database}.main.STAGED_{n}" for n in ("LINES", "ROWS")
    )
    cursor._duck_conn.execute(
        f"create or replace table {lines} as "
        "select json as LINE, row_number() over () as STAGED_LINE from "
        f"read_json_objects({files!r}, format = 'newline_delimited')"
    )
    # The emulator creates its own tables for a MERGE in the current schema.
    execute(cursor, "use schema main")
    casts = casts.replace("$1:", "line:")
    select = f"select {casts}, staged_line from {lines}"
    execute(cursor, f"create or replace view {rows} as {select}")
    return rows


if __name__ == "__main__":
    folder = Path(sys.argv.pop(1))
    sys.argv[0] = str(folder / "target-snowflake")
    FakeSnowflakeCursor.execute = execute_staged
    # The emulator's one connection cannot be shared by threads.
    TargetSnowflake.max_parallelism = 1
    with fakesnow.patch(db_path=folder, nop_regexes=NOT_EMULATED):
        TargetSnowflake.cli()

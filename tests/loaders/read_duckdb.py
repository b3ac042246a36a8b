"""Prints a table of a DuckDB file as JSON; run by the interpreter that has DuckDB.

``read_duckdb.py FILE SCHEMA TABLE``
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

import duckdb

KEY = (
    "select constraint_column_names from duckdb_constraints() "
    "where constraint_type = 'PRIMARY KEY' and schema_name = ? and table_name = ?"
)


def plain(value: Any) -> Any:
    """Return a value for JSON, with timestamps without a time zone."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return value


def main() -> None:
    """Print the types of the columns, the primary key and the rows."""
    path, schema, table = sys.argv[1:]
    with duckdb.connect(path, read_only=True) as connection:
        cursor = connection.execute(f'select * from "{schema}"."{table}"')
        rows = [[plain(value) for value in row] for row in cursor.fetchall()]
        described = connection.execute(f'describe "{schema}"."{table}"').fetchall()
        key = connection.execute(KEY, [schema, table]).fetchone()
    names = [name.lower() for name, *_ in described]
    print(
        json.dumps(
            {
                "types": dict(zip(names, (row[1] for row in described), strict=True)),
                "key": key[0] if key else [],
                "rows": [dict(zip(names, row, strict=True)) for row in rows],
            }
        )
    )


if __name__ == "__main__":
    main()

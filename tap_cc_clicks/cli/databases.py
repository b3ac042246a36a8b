"""Read PostgreSQL and DuckDB. Error messages never contain passwords."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

if TYPE_CHECKING:
    import duckdb
    import psycopg

# SQLAlchemy's URLs contain a driver.
DRIVER = re.compile(r"^postgres(ql)?(\+\w+)?://")
DUCKDB = "duckdb:///"
CONNECT_SECONDS = 10
NO_DRIVER = "Reading {} needs one more package: pip install 'tap-cc-clicks[{}]'"
NO_RIGHT = "The user may not read the tables: grant it usage of the schema, and select"
NO_URL = "The database is named by postgresql://… or duckdb:///FILE"

Query: TypeAlias = Callable[[str], list[tuple[Any, ...]]]


@contextmanager
def database(url: str, missing: str) -> Generator[Query]:
    """Open a database of either kind for queries.

    Args:
        url: ``postgresql://…`` or ``duckdb:///FILE``.
        missing: The message if a table or column does not exist.

    Raises:
        ClickException: The database cannot be read.
    """
    if DRIVER.match(url):
        with postgres(url, missing, extra="report") as server:
            yield lambda sql: server.execute(sql.encode()).fetchall()
    elif url.startswith(DUCKDB) and url != DUCKDB:
        with _duckdb(Path(url.removeprefix(DUCKDB)), missing) as file:
            yield lambda sql: file.execute(sql).fetchall()
    else:
        raise click.UsageError(NO_URL)


@contextmanager
def postgres(
    url: str, missing: str, *, extra: str = "reconcile"
) -> Generator[psycopg.Connection[Any]]:
    """Connect to a server, read-only.

    Args:
        url: A URL for PostgreSQL or SQLAlchemy.
        missing: The message if a table or column does not exist.
        extra: The extra that installs the driver.

    Raises:
        ClickException: The database cannot be read.
    """
    try:
        import psycopg  # noqa: PLC0415
    except ImportError:
        message = NO_DRIVER.format("PostgreSQL", extra)
        raise click.ClickException(message) from None
    try:
        with psycopg.connect(
            DRIVER.sub("postgresql://", url), connect_timeout=CONNECT_SECONDS
        ) as connection:
            connection.read_only = True
            yield connection
            return
    except (psycopg.Error, UnicodeError) as error:
        message = _postgres_message(error, missing)
    raise click.ClickException(message)


def _postgres_message(error: Exception, missing: str) -> str:
    from psycopg import errors  # noqa: PLC0415

    if isinstance(error, (errors.UndefinedTable, errors.UndefinedColumn)):
        return missing
    if isinstance(error, errors.InsufficientPrivilege):
        return NO_RIGHT
    # The driver's message may contain parts of the URL.
    code = getattr(error, "sqlstate", None)
    state = f", SQLSTATE {code}" if code else ""
    return (
        f"PostgreSQL cannot be read ({type(error).__name__}{state}): check host, "
        "port, database, user and password"
    )


@contextmanager
def _duckdb(path: Path, missing: str) -> Generator[duckdb.DuckDBPyConnection]:
    try:
        import duckdb  # noqa: PLC0415
    except ImportError:
        message = NO_DRIVER.format("DuckDB", "report")
        raise click.ClickException(message) from None
    try:
        with duckdb.connect(path, read_only=True) as connection:
            yield connection
            return
    except (duckdb.CatalogException, duckdb.BinderException):
        message = missing
    except (duckdb.Error, UnicodeError) as error:
        message = (
            f"{path} cannot be read ({type(error).__name__}): it is not there, not "
            "DuckDB's, or another program writes into it"
        )
    raise click.ClickException(message)

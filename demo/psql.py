"""``python -m demo.psql "select …"``: query the data that the demo loaded."""

from __future__ import annotations

import sys

from demo.run import DATA, query
from demo.stack import Postgres


def main() -> None:
    """Print a query's rows, separated by tabs."""
    with Postgres(DATA / "postgres") as postgres:
        for row in query(postgres, sys.argv[1]):
            sys.stdout.write("\t".join(map(str, row)) + "\n")


if __name__ == "__main__":
    main()

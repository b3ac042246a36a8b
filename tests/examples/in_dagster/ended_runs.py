"""Print the runs of a Dagster instance once all have ended.

For Dagster's own environment; the argument is the number of runs.
"""

import json
import sys
import time

import dagster as dg

# Less than the timeout of its caller.
SECONDS = 540


def main(expected: int) -> None:
    """Wait for the runs, and print account, status, start and end of each."""
    instance, deadline = dg.DagsterInstance.get(), time.monotonic() + SECONDS
    ended: list[dg.RunRecord] = []
    while len(ended) < expected and time.monotonic() < deadline:
        time.sleep(0.5)
        ended = [one for one in instance.get_run_records() if one.end_time]
    runs = [
        (
            record.dagster_run.tags["dagster/partition"],
            record.dagster_run.status.value,
            record.start_time,
            record.end_time,
        )
        for record in ended
    ]
    sys.stdout.write(json.dumps(runs))


main(int(sys.argv[1]))

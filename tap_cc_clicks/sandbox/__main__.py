"""``python -m tap_cc_clicks.sandbox``: the simulator as a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time

from tap_cc_clicks.sandbox.generate import generate
from tap_cc_clicks.sandbox.limits import Limits
from tap_cc_clicks.sandbox.runner import Sandbox

WATCH_SECONDS = 0.5


def main() -> None:
    """Serve a made-up account until interrupted, or until the parent process ends."""
    arguments = _arguments()
    account = generate(arguments.seed, arguments.campaigns, arguments.clicks)
    limits = Limits(4, 10_000) if arguments.limits else Limits()
    sandbox = Sandbox(
        account, port=arguments.port, latency=arguments.latency, limits=limits
    )
    threading.Thread(target=_end_with_parent, args=[os.getppid()], daemon=True).start()
    sys.stdout.write(json.dumps({**sandbox.config, "url": sandbox.url}) + "\n")
    sys.stdout.flush()
    sandbox.serve()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tap_cc_clicks.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--campaigns", type=int, default=40)
    parser.add_argument("--clicks", type=int, default=3000)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument(
        "--limits", action="store_true", help="4 a second, 10,000 a day"
    )
    return parser.parse_args()


def _end_with_parent(parent: int) -> None:
    """End this process when its parent has gone: it serves nobody then."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    main()

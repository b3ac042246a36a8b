"""A tap as it would have run some hours ago: ``earlier.py HOURS MODULE ARGUMENTS``."""

from __future__ import annotations

import runpy
import sys

from tests.support import clock

SECONDS = -3600 * float(sys.argv.pop(1))
MODULE = sys.argv.pop(1)
with clock(lambda: SECONDS):
    runpy.run_module(MODULE, run_name="__main__", alter_sys=True)

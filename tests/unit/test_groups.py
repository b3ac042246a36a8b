"""The groups that keep tests with a costly fixture in one worker."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("grouped")
def test_workers_know_the_group_of_a_test(request: pytest.FixtureRequest) -> None:
    """A release of pytest once hid it, and each worker made every fixture."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@grouped")

"""Groups keep tests with a costly fixture in one worker."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("grouped")
def test_workers_know_the_group_of_a_test(request: pytest.FixtureRequest) -> None:
    """A release of pytest used to hide it, so that each worker made every fixture."""
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("@grouped")

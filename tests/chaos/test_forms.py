"""Faults of all kinds in each dialect; the target has exactly the account's rows."""

from __future__ import annotations

import pytest

from tests.chaos.world import FAULTS, World

pytestmark = [pytest.mark.slow, pytest.mark.chaos]


@pytest.mark.parametrize(
    "dialect", ["guide", "other-times", "other-roles", "left-out-arrays", "null-links"]
)
def test_all_faults_at_once_in_a_dialect(dialect: str) -> None:
    """A few chosen ones, with clicks between and during the runs."""
    with World(7, concurrency=8, dialect=dialect) as world:
        world.inject(*FAULTS.values(), probability=0.1)
        for _ in range(2):
            world.take(world.run())
            world.live()
        world.assert_truth()

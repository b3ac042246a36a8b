"""Whatever goes wrong, in whatever form the service answers: the union is the truth."""

from __future__ import annotations

import pytest

from tests.chaos.world import FAULTS, World

pytestmark = [pytest.mark.slow, pytest.mark.chaos]


@pytest.mark.parametrize(
    ("dialect", "detection"),
    [
        ("guide", "exact"),
        ("guide", "fast"),
        ("other-times", "exact"),
        ("other-roles", "fast"),
        ("left-out-arrays", "exact"),
        ("null-links", "fast"),
    ],
)
def test_all_faults_at_once_in_a_dialect(dialect: str, detection: str) -> None:
    """A few chosen combinations, with clicks between and during the runs."""
    with World(7, detection, concurrency=8, dialect=dialect) as world:
        world.strike(*FAULTS.values(), probability=0.1)
        for _ in range(2):
            world.take(world.run())
            world.live()
        world.assert_truth()

"""The parts of ``make bench`` that call the code of the tap directly still work."""

from __future__ import annotations

from tests.bench.stages import microseconds, state_milliseconds


def test_each_step_of_a_record_is_measured() -> None:
    """The benchmark takes half an hour, so it is not part of the tests."""
    took = microseconds(pages=1)
    assert len(took) == 5
    assert all(each > 0 for each in took.values())


def test_both_writers_of_state_are_measured() -> None:
    """The SDK's writer takes longer."""
    took = state_milliseconds()
    assert took["the SDK"] > took["tap-cc-clicks"] > 0

"""Fixtures that unit tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.input_files import small_account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_cc_clicks.sandbox import Sandbox


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    """Return a small account."""
    with small_account() as running:
        yield running

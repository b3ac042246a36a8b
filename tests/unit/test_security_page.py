"""The tests named in docs/security.md exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
NAMED = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)


def test_the_page_names_tests() -> None:
    """Otherwise the test below would check nothing."""
    assert len(NAMED) == PAGE.count("::test_") > 10


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_named_test_exists(file: str, name: str) -> None:
    """The page and the tests must change together."""
    (path,) = (ROOT / "tests").rglob(file)
    assert re.search(rf"^def {name}\(", path.read_text("utf-8"), re.MULTILINE)

"""The documentation: links resolve, and the parts of state match the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tap_cc_clicks.sync.state_format import Remembered, StreamState

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "examples/*/*.md")
    for path in ROOT.glob(pattern)
)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {text.replace(" ", "-") for text in kept}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_resolve(page: Path) -> None:
    """Each leads to an existing file and, with an anchor, to a heading in it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_the_page_lists_every_part_of_state() -> None:
    """The list covers the fields of streams and of campaigns."""
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    _, _, section = page.partition("\n## State\n")
    listed = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", section, re.MULTILINE)
    names = re.findall(r"\w+", " ".join(listed))
    expected = [*StreamState.__struct_fields__, *Remembered.__struct_fields__]
    assert sorted(names) == sorted(expected)

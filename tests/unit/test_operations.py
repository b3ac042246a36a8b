"""Messages quoted in docs/operations.md and docs/api.md exist in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text("utf-8")
VARIES = "…"


def template(node: ast.AST) -> str | None:
    """Return a string of the code with … for its variable parts."""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else VARIES
            for part in node.values
        )
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%[\d.]*[a-z]", VARIES, node.value)
    return None


def templates() -> set[str]:
    """Return all strings in the package except the simulator's."""
    files = (ROOT / "tap_cc_clicks").rglob("*.py")
    nodes = (
        node
        for file in files
        if "sandbox" not in file.parts
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
    )
    return {text for node in nodes if (text := template(node))}


def explained() -> list[str]:
    """Return the messages in the tables of the chapter on messages."""
    chapter = TEXT.split("\n## Messages\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in chapter.splitlines() if "|" in line]
    return [message for row in rows for message in re.findall("`(.+?)`", row)]


def quoted() -> list[str]:
    """Return the messages that docs/api.md quotes."""
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    return sorted(set(re.findall("`([A-Z][a-z]+ [^`]+)`", text)))


CODE = templates()


def test_all_tables_are_read() -> None:
    """Otherwise the test below would check nothing."""
    assert len(explained()) > 40
    assert len(quoted()) > 5


@pytest.mark.parametrize("message", [*explained(), *quoted()])
def test_documented_messages_exist_in_the_code(message: str) -> None:
    """The page and the code must change together."""
    assert any(message in text for text in CODE)

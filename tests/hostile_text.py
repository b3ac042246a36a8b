"""Text with terminal escapes, and commands that print it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tap_cc_clicks.cli.commands import cc_clicks
from tests.support import EXAMPLES

if TYPE_CHECKING:
    from click.testing import Result

HOSTILE = (
    "\x1b]0;title\x07",
    "\x1b]52;c;Y2xpcA==\x07",
    "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "\x9b2J",
    "\x1b[2J\r\b",
    "a[/b]",
    "[link=https://evil.example]x[/link]",
    "[red]",
    ":warning:",
    "\u202egnp.exe\u202c\u2066",
    "two\nlines\u2028three",
    "\x7f\u200b\ufeff",
    "a" * 3000,
)
TEXTS = st.sampled_from(HOSTILE) | st.text()
MOMENTS = st.sampled_from(
    ["2026-01-01T00:00:00.000Z", "2026-02-31T00:00:00.000Z", "1-1-1", "\x1b2026-01-01"]
)
NUMBERS = st.integers() | st.sampled_from([10**400, -(10**400), 2**63, 0, 12])
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | TEXTS | MOMENTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
DEEP = "[" * 5000
# Rich draws lines in a terminal; without colours in a dumb one.
SCREENS: dict[str, dict[str, str | None]] = {
    "pipe": {"FORCE_COLOR": None, "TERM": "dumb"},
    "terminal": {"FORCE_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"},
}
MANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def run(screen: str, *arguments: object, given: str | None = None) -> Result:
    """Run a command; check that it ends cleanly and prints no escapes."""
    result = CliRunner().invoke(
        cc_clicks, list(map(str, arguments)), input=given, env=SCREENS[screen]
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in {0, 1, 2}
    assert_tame(result.output)
    return result


def assert_tame(text: str) -> None:
    """Check that a text has only printable characters and line ends."""
    steering = {char for char in text if not char.isprintable()} - {"\n"}
    assert not steering, text

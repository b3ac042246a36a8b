"""External text shown by ``cc-clicks`` cannot control the terminal or end a command.

It comes from the service, a state, a file or a database; no traceback is shown.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.hostile_text import (
    ANYTHING,
    DEEP,
    HOSTILE,
    MANY,
    MOMENTS,
    NUMBERS,
    SCREENS,
    TEXTS,
    run,
)

if TYPE_CHECKING:
    pass


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> str:
    """Return where the output goes."""
    return str(request.param)


def state_of(activity: Any, campaign: Any, value: Any, number: Any) -> dict[str, Any]:
    """Return a valid state, except for these values."""
    partition = {
        "context": {"campaign_activity_id": activity, "url_id": campaign},
        "replication_key_value": value,
        "clicks": number,
        "search": [number, 0, 0, 0],
    }
    memory = {
        "updated_at": value,
        "activities": [[str(activity), "0"], str(campaign)],
        "check": f"0@{number}",
    }
    return {
        "version": 1,
        "bookmarks": {
            "campaigns": {"replication_key_value": value},
            "campaign_activities": {"campaigns": {str(campaign): memory}},
            "email_clicks": {"partitions": [partition]},
        },
    }


STATES = st.builds(
    state_of,
    TEXTS | ANYTHING,
    TEXTS | ANYTHING,
    MOMENTS | ANYTHING,
    st.integers(0, 99) | ANYTHING,
)


@MANY
@given(state=STATES | ANYTHING, name=TEXTS)
@example(state_of("a[/b]", HOSTILE[0], "2026-02-31T00:00:00.000Z", 3), "a[/b]")
@example(state_of(HOSTILE[1], HOSTILE[3], "2026-01-01T00:00:00.000Z", 3), HOSTILE[3])
@example({"bookmarks": {HOSTILE[2]: {}}}, "x")
@example({"bookmarks": {}, "version": 10**400}, "x")
def test_a_state_cannot_control_the_terminal(
    screen: str, state: Any, name: str
) -> None:
    """Neither its values nor the requested names can."""
    text = json.dumps(state)
    run(screen, "state", "show", given=text)
    run(screen, "state", "show", "--json", given=text)
    run(screen, "state", "show", f"--campaign={name}", given=text)
    run(screen, "state", "reset", f"--activity={name}", given=text)


def test_a_state_is_shown_as_it_is(screen: str) -> None:
    """Markup is printed as text, and JSON keeps control characters."""
    state = state_of("a[/b]", "\x9b[b]:x:", "2026-01-01T00:00:00.000Z", 3)
    shown = run(screen, "state", "show", given=json.dumps(state))
    assert shown.exit_code == 0
    assert "a[/b]" in shown.stdout
    assert "[b]:x:" in shown.stdout
    told = run(screen, "state", "show", "--json", given=json.dumps(state))
    assert "\x9b[b]:x:" in [
        one["campaign_id"] for one in json.loads(told.stdout)["activities"]
    ]
    reset = run(screen, "state", "reset", "--activity=a[/b]", given=json.dumps(state))
    memory = json.loads(reset.stdout)["bookmarks"]["campaign_activities"]
    assert list(memory["campaigns"]) == ["\x9b[b]:x:"]


@pytest.mark.parametrize("command", [("state", "show"), ("plan", "--state=-")])
def test_a_deeply_nested_state_is_refused(
    screen: str, command: tuple[str, ...]
) -> None:
    """The command ends in a sentence."""
    result = run(screen, *command, given='{"bookmarks":' + DEEP)
    assert result.exit_code == 1
    assert "it is nested too deep" in result.stderr


def test_file_names_cannot_control_the_terminal(screen: str, tmp_path: Path) -> None:
    """Names of existing and of missing files."""
    there = tmp_path / f"{HOSTILE[1]}\n[b]"
    there.write_text("{")
    missing = tmp_path / HOSTILE[3]
    for path in (there, missing):
        assert run(screen, "state", "show", path).exit_code == 1
        assert run(screen, "check", f"--config={path}").exit_code == 1
        assert run(screen, "reconcile", f"--counts={path}").exit_code in {1, 2}
        assert run(screen, "reconcile", f"--jsonl={path}").exit_code == 2
    run(screen, "reconcile", HOSTILE[0])
    run(screen, HOSTILE[0])
    run(screen, "plan", "--sample", HOSTILE[0])


@MANY
@given(
    clicks=st.lists(st.tuples(TEXTS | ANYTHING, TEXTS, MOMENTS | ANYTHING), max_size=4),
    counted=st.lists(st.tuples(TEXTS | ANYTHING, NUMBERS | ANYTHING), max_size=4),
)
@example([("a[/b]", "1", ""), (HOSTILE[0], "2", "")], [("a[/b]", 10**400)])
@example([([1], "1", "")], [])
def test_rows_cannot_control_the_terminal(
    screen: str, clicks: Any, counted: Any
) -> None:
    """``reconcile`` reads them from the files of target-jsonl."""
    rows = {
        "email_clicks": [
            {"campaign_activity_id": one, "click_id": click, "created_time": when}
            for one, click, when in clicks
        ],
        "campaign_activity_stats": [
            {"campaign_activity_id": one, "em_clicks_all": count}
            for one, count in counted
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, lines in rows.items():
            path = Path(folder, f"{name}.jsonl")
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        asked = ("reconcile", f"--jsonl={folder}", "--offline", "--all")
        run(screen, *asked)
        run(screen, *asked, "--json")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (f"a,{'9' * 5000}\n".encode(), "Line 1 of"),
        (b"activity,clicks\na,1\nb,x\n", "Line 3 of"),
        (b'"' + b"a" * 200_000 + b'",1\n', "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
    ],
    ids=["number", "text", "field", "bytes"],
)
def test_invalid_counts_are_refused(
    screen: str, tmp_path: Path, content: bytes, sentence: str
) -> None:
    """In a sentence that names the file."""
    path = tmp_path / "counts.csv"
    path.write_bytes(content)
    result = run(screen, "reconcile", f"--counts={path}")
    assert result.exit_code == 1
    assert sentence in result.stderr


def test_invalid_row_files_are_refused(screen: str, tmp_path: Path) -> None:
    """Deeply nested rows, or a folder in place of a file."""
    path = tmp_path / "email_clicks.jsonl"
    path.write_text(DEEP)
    asked = ("reconcile", f"--jsonl={tmp_path}", "--offline")
    assert "is not a row of the stream" in run(screen, *asked).stderr
    path.unlink()
    path.mkdir()
    assert "cannot be read: Is a directory" in run(screen, *asked).stderr

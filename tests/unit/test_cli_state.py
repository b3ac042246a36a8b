"""``cc-clicks state``: input formats, resets and errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tap_cc_clicks.cli.commands import cc_clicks
from tap_cc_clicks.cli.tables import ago
from tap_cc_clicks.sync.memory import DUE

OLD, NEW = "2026-01-01T08:00:00.000Z", "2026-01-31T08:00:00.000Z"
# Details and history.
BOTH_DUE = DUE | DUE << 2
A3 = ["a3", "aaaaaaaa", 1764003600, 1]


def state() -> dict[str, Any]:
    """Return a state with two campaigns; one activity of the first was never read."""
    partitions = [
        {"context": {"campaign_activity_id": "a1"}, "replication_key_value": OLD}
        | {"clicks": 12, "window": 3, "search": [1, 490000]},
        {"context": {"campaign_activity_id": "a1", "url_id": "7"}, "clicks": 4},
        {"context": {"campaign_activity_id": "a3"}, "replication_key_value": NEW}
        | {"clicks": 5, "window": 1},
        {"context": {"campaign_activity_id": "lost"}, "clicks": 0},
    ]
    return {
        "version": 2,
        "bookmarks": {
            "campaigns": {
                "replication_key": "updated_at",
                "replication_key_value": NEW,
            },
            "campaign_activities": {
                "campaigns": {
                    "c1": {
                        "updated_at": OLD,
                        "sent": "1764000000-1e19c23a",
                        "activities": [
                            ["a1", "1e19c23a", 1764000000, 1],
                            ["a2", None, 0, 0],
                        ],
                    },
                    "c2": {"updated_at": NEW, "activities": [A3]},
                },
                "whole": 1763965800,
            },
            "campaign_summaries": {"written": {"c1": "1e19c23a", "c2": "aaaaaaaa"}},
            "email_links": {"clicks": {"a1": [12, 490000], "a3": [5, 490000]}},
            "email_opens": {"read": {"a1": [OLD, 3], "a3": [NEW, 4]}},
            "email_clicks": {
                "replication_key": "created_time",
                "partitions": partitions,
            },
        },
    }


def cc(*arguments: str, given: Any = None) -> Result:
    """Run ``cc-clicks state`` with this input on stdin."""
    text = given if isinstance(given, str) else json.dumps(given)
    return CliRunner().invoke(cc_clicks, ["state", *arguments], input=text)


def known(found: Result) -> list[tuple[str, str | None]]:
    """Return the activities and links shown as JSON."""
    assert found.exit_code == 0, found.output
    shown = json.loads(found.stdout)["activities"]
    return [(one["campaign_activity_id"], one["url_id"]) for one in shown]


WRAPPED: dict[str, Any] = {
    "bare": lambda value: value,
    "state get": lambda value: {"singer_state": value},
    "back-end": lambda value: {"completed": {"singer_state": value}, "partial": {}},
    "database": lambda value: {"completed_state": {"singer_state": value}},
}


@pytest.mark.parametrize("form", WRAPPED)
def test_a_reset_keeps_the_format_of_the_state(form: str) -> None:
    """Only the one activity is reset; everything else is unchanged."""
    came, goes = state(), state()
    bookmarks = goes["bookmarks"]
    del bookmarks["email_clicks"]["partitions"][:2]
    del bookmarks["email_links"]["clicks"]["a1"]
    del bookmarks["email_opens"]["read"]["a1"]
    of_c1 = bookmarks["campaign_activities"]["campaigns"]["c1"]["activities"]
    of_c1[0] = ["a1", None, 1764000000, BOTH_DUE]
    done = cc("reset", "--activity", "a1", given=WRAPPED[form](came))
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == WRAPPED[form](goes)
    assert "The next run reads 1 activity again" in done.stderr
    assert len(known(cc("show", "--json", given=WRAPPED[form](came)))) == 5


def test_resetting_a_campaign_keeps_its_list_of_activities() -> None:
    """If the campaign was removed since, its activities are still read again."""
    done = cc("reset", "--campaign", "c1", given=state())
    bookmarks = json.loads(done.stdout)["bookmarks"]
    assert bookmarks["campaign_activities"]["campaigns"] == {
        "c1": {
            "sent": "1764000000-1e19c23a",
            "activities": [
                ["a1", None, 1764000000, BOTH_DUE],
                ["a2", None, 0, BOTH_DUE],
            ],
        },
        "c2": {"updated_at": NEW, "activities": [A3]},
    }
    contexts = [one["context"] for one in bookmarks["email_clicks"]["partitions"]]
    assert contexts == [
        {"campaign_activity_id": "a3"},
        {"campaign_activity_id": "lost"},
    ]
    assert bookmarks["email_links"]["clicks"] == {"a3": [5, 490000]}
    assert bookmarks["email_opens"]["read"] == {"a3": [NEW, 4]}
    assert bookmarks["campaign_summaries"]["written"] == {"c2": "aaaaaaaa"}
    # The next run reads the whole listing, so it finds old campaigns too.
    assert "whole" not in bookmarks["campaign_activities"]
    # The campaign's row of the listing is written again.
    assert bookmarks["campaigns"]["replication_key_value"] == OLD


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        ([], {}),
        (["--campaign", "c2"], {"a1": [12, 490000]}),
        (["--activity", "a1"], {"a3": [5, 490000]}),
    ],
)
def test_links_can_be_reset_alone(
    chosen: list[str], left: dict[str, list[int]]
) -> None:
    """All links are reset, or those of one campaign or activity."""
    done = cc("reset", "--links", *chosen, given=state())
    bookmarks = json.loads(done.stdout)["bookmarks"]
    assert bookmarks.pop("email_links") == {"clicks": left}
    untouched = state()["bookmarks"]
    untouched.pop("email_links")
    assert bookmarks == untouched


def test_shown_activities_are_filtered_and_sorted() -> None:
    """Activities never read come first, then those with the newest clicks."""
    everything = known(cc("show", "--json", given=state()))
    assert everything == [
        ("a2", None),
        ("a3", None),
        ("a1", None),
        ("a1", "7"),
        ("lost", None),
    ]
    of_c1 = known(cc("show", "--json", "--campaign", "c1", given=state()))
    assert of_c1 == [("a2", None), ("a1", None), ("a1", "7")]
    of_a3 = known(cc("show", "--json", "--activity", "a3", given=state()))
    assert of_a3 == [("a3", None)]
    assert known(cc("show", "--json", "--stale", "1e7", given=state())) == [
        ("a2", None),
        ("a1", "7"),
        ("lost", None),
    ]


def test_totals_and_lines_are_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output has aligned lines, totals of clicks and the size of the state."""
    four_days_later = 1764000000 + 4 * 24 * 3600
    monkeypatch.setattr("tap_cc_clicks.cli.state.time", lambda: four_days_later)
    shown = cc("show", "--limit", "3", given=state())
    lines = shown.stdout.splitlines()
    header = "campaign activity link newest click age counted read missing looked at"
    assert " ".join(lines[0].split()) == header
    assert lines[1].startswith("c1        a2        all   never read")
    assert lines[3].split()[:3] == ["c1", "a1", "all"]
    assert lines[3].split()[-5:] == ["12", "11", "1", "4", "d"]
    assert "The oldest look for change was 4 d ago" in shown.stdout
    assert "… and 2 more (--limit)" in shown.stdout
    assert "2 campaigns, 4 activities (1 never read)" in shown.stdout
    assert "21 clicks counted, 20 read, 1 missing" in shown.stdout
    assert f"campaigns: read up to {NEW}" in shown.stdout
    assert "State version 2, " in shown.stdout
    size = len(json.dumps(state(), separators=(",", ":")))
    assert f"{size:,} bytes, {size // 4:,} for each activity" in shown.stdout


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "The state file is not JSON"),
        ("[]", "The state file does not hold a JSON object"),
        ({"bookmarks": {"orders": {}}}, "it holds streams of another tap: orders"),
        ({"version": 99}, "written by a newer version of this tap"),
        ({"singer_state": 3}, "its singer_state is not an object"),
        (
            {"bookmarks": {"email_clicks": {"partitions": [{"context": 1}]}}},
            "its bookmark of email_clicks is none of this tap's",
        ),
        (
            {"bookmarks": {"campaign_activities": {"campaigns": {"c1": 1}}}},
            "its bookmark of campaign_activities is none of this tap's",
        ),
        (
            {
                "completed": {"singer_state": {}},
                "partial": {"singer_state": {"bookmarks": {}}},
            },
            "The file holds a partial state besides the completed one",
        ),
        (state(), "The state knows no activity other: cc-clicks state show lists"),
        ({}, "The state is empty: before a first run, leave it out"),
    ],
)
def test_a_failed_reset_prints_one_sentence_and_no_state(
    given: Any, sentence: str
) -> None:
    """It exits with 1, and Meltano then refuses the empty input."""
    done = cc("reset", "--activity", "other", given=given)
    assert done.exit_code == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout
    assert cc("show", "--activity", "other", given=given).exit_code == 1


def test_a_file_is_not_overwritten_by_accident(tmp_path: Path) -> None:
    """Neither --output nor a failed reset changes it."""
    file = tmp_path / "state.json"
    file.write_text(json.dumps(state()), "utf-8")
    before = file.read_bytes()
    arguments = ["reset", str(file), "--activity"]
    assert cc(*arguments, "a1", "--output", str(file)).exit_code == 2
    assert cc(*arguments, "other", "--in-place").exit_code == 1
    assert cc("reset", "-", "--activity", "a1", "--in-place").exit_code == 2
    assert cc("reset", str(file)).exit_code == 2
    assert cc("reset", str(tmp_path / "none"), "--links").exit_code == 1
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    """--in-place replaces the file; --output writes another one."""
    file, other = tmp_path / "state.json", tmp_path / "other.json"
    file.write_text(json.dumps(state()), "utf-8")
    file.chmod(0o640)
    reset = ["reset", str(file), "--activity", "a3"]
    assert cc(*reset, "--output", str(other)).exit_code == 0
    assert cc(*reset, "--in-place").exit_code == 0
    assert file.read_bytes() == other.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(tmp_path.iterdir()) == [other, file]
    assert '"a3"' not in json.dumps(
        json.loads(file.read_text("utf-8"))["bookmarks"]["email_clicks"]
    )


def test_symbolic_links_are_not_followed_on_output(tmp_path: Path) -> None:
    """The link is not replaced either."""
    file, target, link = (tmp_path / name for name in ("state.json", "target", "link"))
    file.write_text(json.dumps(state()), "utf-8")
    target.write_text("precious")
    link.symlink_to(target)
    result = cc("reset", str(file), "--links", "--output", str(link))
    assert result.exit_code == 1
    assert "cannot be written: it is a symbolic link" in result.stderr
    assert target.read_text() == "precious"


def test_an_output_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A missing folder is reported in one sentence."""
    arguments = ["reset", "-", "--links", "--output"]
    done = cc(*arguments, str(tmp_path / "no" / "folder"), given=state())
    assert done.exit_code == 1
    assert "cannot be written: No such file or directory" in done.stderr


@pytest.mark.parametrize(
    ("hours", "text"), [(None, ""), (1.2, "1 h"), (47, "47 h"), (96, "4 d")]
)
def test_ages_are_readable(hours: float | None, text: str) -> None:
    """Ages are in hours for two days, then in days."""
    assert ago(hours) == text


def test_an_ascii_locale_works(tmp_path: Path) -> None:
    """Files are read and lines are written as UTF-8."""
    known = {"c": {"activities": ["\u00e9", "\u00e9\u00e9"]}}
    given = {"bookmarks": {"campaign_activities": {"campaigns": known}}}
    (tmp_path / "state.json").write_text(json.dumps(given, ensure_ascii=False), "utf-8")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = ["state", "show", "state.json", "--limit=1"]
    result = subprocess.run(
        [sys.executable, "-m", "tap_cc_clicks.cli", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **plain},
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "\u00e9" in result.stdout.decode()
    assert " and 1 more (--limit)" in result.stdout.decode()

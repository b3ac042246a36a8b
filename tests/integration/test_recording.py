"""``check --record`` records the form of responses, and ``--like`` replays it."""

from __future__ import annotations

import json
import re
import stat
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tap_cc_clicks.cli.commands import cc_clicks
from tap_cc_clicks.sandbox import Account, Fault, Sandbox, generate
from tap_cc_clicks.sandbox.__main__ import main
from tap_cc_clicks.sandbox.account import Click
from tap_cc_clicks.sandbox.dialects import DIALECTS
from tap_cc_clicks.sandbox.replay import VERSION, read_recording
from tests.companion import companion, secrets_of
from tests.support import clicks, rows, run_tap

if TYPE_CHECKING:
    from pathlib import Path

MARK = "Quixote"


def recorded(sandbox: Sandbox, folder: Path, name: str = "recording.json") -> Path:
    """Return the file that a check writes."""
    path = folder / name
    result = companion(folder, sandbox.config, "check", f"--record={path}")
    assert path.exists(), result.output
    return path


def form_of(path: Path) -> dict[str, Any]:
    """Return the endpoints of a recording."""
    endpoints: dict[str, Any] = json.loads(path.read_text("utf-8"))["endpoints"]
    return endpoints


def usual(form: Any) -> Any:
    """Return a form with only the most common formats, and without lengths."""
    if not isinstance(form, dict):
        return form
    told = {name: usual(one) for name, one in form.items() if name != "lengths"}
    if "formats" in form:
        told["formats"] = max(form["formats"], key=form["formats"].get)
    return told


def marked() -> Account:
    """Return an account with a mark in all texts that could leak."""
    account = generate(campaigns=12, clicks=60)
    for campaign in account.campaigns.values():
        campaign.name = f"{MARK} {campaign.name}"
        campaign.type = MARK.upper()
    for activity in account.activities.values():
        activity.clicks = [_marked(one) for one in activity.clicks]
    return account


def _marked(click: Click) -> Click:
    told = {
        "email_address": f"{MARK}@{MARK}.example.com",
        "first_name": MARK,
        "link_url": f"https://{MARK}.example.com/{MARK}?{MARK}={MARK}",
        f"{MARK}.example.com": MARK,
        f"{MARK} of La Mancha": {MARK: [MARK, {f"{MARK}@example.com": MARK}]},
    }
    return Click({**click.row, **told})


def test_a_recording_contains_no_values(tmp_path: Path) -> None:
    """No id, address, name, URL, host or token, also in property names."""
    with Sandbox(marked()) as sandbox:
        # A link and an error that contain values.
        href = f"https://{MARK}.example.com/v3/{MARK}?cursor={MARK}&{MARK}=1"
        body = [{"error_key": MARK, "error_message": MARK}]
        sandbox.faults.rules += [
            Fault("next_link", "campaign_summaries", href=href),
            Fault("status", "account", status=403, body=body, times=1),
        ]
        path = recorded(sandbox, tmp_path)
        open_path = recorded(sandbox, tmp_path, "open.json")
        told = path.read_text("utf-8") + open_path.read_text("utf-8")
        said = [MARK, "example", "127.0.0.1", "Vienna", *secrets_of(sandbox)]
        for campaign in sandbox.account.campaigns.values():
            said += [campaign.campaign_id, campaign.name]
        for row in sandbox.account.rows():
            said += [row["contact_id"], row["campaign_activity_id"], row["url_id"]]
    assert not [one for one in said if one.lower() in told.lower()]
    # Nor anything like an id, a date or a long number.
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|2026|2027|\d{5}", told.lower())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert form_of(path)["account"].keys() == {"403"}
    assert form_of(open_path)["account"].keys() == {"200"}
    links = form_of(path)["summaries"]["200"]["links"]
    assert links == [{"kind": "absolute", "query": ["(other)", "cursor"]}]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_recording_can_be_replayed(dialect: str, tmp_path: Path) -> None:
    """A check of the replay records the same, and a run reads all clicks."""
    with Sandbox(generate(campaigns=12, clicks=90), dialect=dialect) as sandbox:
        path = recorded(sandbox, tmp_path)
    like = read_recording(str(path))
    with Sandbox(generate(campaigns=12, clicks=90), like=like) as sandbox:
        if dialect == "some-never-counted":
            sandbox.dialect = dialect  # Values of counters are not recorded.
        again = recorded(sandbox, tmp_path, "again.json")
        assert usual(form_of(again)) == usual(form_of(path))
        loaded = clicks(run_tap(sandbox)).values()
        assert rows(loaded) == rows(sandbox.account.rows())


def test_forms_that_no_dialect_has_are_replayed(tmp_path: Path) -> None:
    """A missing property, an unknown one, and another format of timestamps."""
    with Sandbox(generate(campaigns=12, clicks=90)) as sandbox:
        path = recorded(sandbox, tmp_path)
        told = json.loads(path.read_text("utf-8"))
        answered = told["endpoints"]["clicks"]["200"]["body"]["properties"]
        row = answered["tracking_activities"]["items"]["properties"]
        del row["device_type"]
        row["bot_score"] = {"kinds": {"number": 1.0}}
        row["created_time"]["formats"] = {"9999-99-99 99:99:99-99": 1.0}
        told["endpoints"]["account"] = {"403": {}}
        path.write_text(json.dumps(told), "utf-8")
    with Sandbox(generate(campaigns=12, clicks=90), like=read_recording(str(path))) as (
        sandbox
    ):
        form = form_of(recorded(sandbox, tmp_path, "again.json"))
        assert form["account"].keys() == {"403"}
        row = form["clicks"]["200"]["body"]["properties"]["tracking_activities"]
        row = row["items"]["properties"]
        assert "device_type" not in row
        assert row["bot_score"]["kinds"] == {"number": 1.0}
        assert row["created_time"]["formats"] == {"9999-99-99 99:99:99-99": 1.0}
        loaded = clicks(run_tap(sandbox)).values()
        assert len(loaded) == len(sandbox.account.rows())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "is no recording that cc-clicks check --record wrote"),
        ("[" * 100_000, "is no recording"),
        ('{"version": 1, "endpoints": {}}', "is no recording"),
        ({"version": VERSION + 1}, f"version {VERSION + 1}, and this release knows"),
        ({"version": VERSION, "endpoints": {"stats": {"9": {}}}}, "is no recording"),
        ({"version": VERSION, "endpoints": {"stats": 7}}, "is no recording"),
    ],
)
def test_an_invalid_recording_is_one_sentence(
    tmp_path: Path, content: object, sentence: str
) -> None:
    """The exit code is 2."""
    path = tmp_path / "like.json"
    if isinstance(content, dict):
        content = json.dumps({"format": "cc-clicks recording", **content})
    if isinstance(content, str):
        path.write_text(content, "utf-8")
    ended = CliRunner().invoke(cc_clicks, ["sandbox", f"--like={path}"])
    assert ended.exit_code == 2
    assert sentence in ended.output
    assert "Traceback" not in ended.output


def test_the_simulator_command_refuses_a_missing_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["sandbox", "--like=nowhere.json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "nowhere.json cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["not_json", "wrong_shape"])
def test_malformed_responses_are_replayed(
    sandbox: Sandbox, tmp_path: Path, fault: str
) -> None:
    """A body that is not JSON, or that is not an object."""
    sandbox.faults.rules.append(Fault(fault, "emails$"))
    path = recorded(sandbox, tmp_path)
    sandbox.faults.rules.clear()
    sandbox.like = read_recording(str(path))
    again = recorded(sandbox, tmp_path, "again.json")
    kinds = [form_of(one)["campaigns"]["200"]["json"] for one in (path, again)]
    assert kinds == [int(fault == "wrong_shape")] * 2


def test_a_recording_that_cannot_be_written_is_one_sentence(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """A symbolic link is not followed."""
    path = tmp_path / "link"
    path.symlink_to(tmp_path / "elsewhere")
    result = companion(tmp_path, sandbox.config, "check", f"--record={path}")
    assert result.exit_code == 1
    assert "cannot be written: it is a symbolic link" in result.stderr
    assert not (tmp_path / "elsewhere").exists()

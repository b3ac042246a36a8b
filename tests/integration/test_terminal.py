"""What ``cc-clicks`` shows: nothing foreign steers the terminal or ends in a traceback.

Foreign is what comes from the service, from a state, a file or a database.
"""

from __future__ import annotations

import base64
import io
import json
import re
import tempfile
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tap_cc_clicks.cli.commands import cc_clicks
from tap_cc_clicks.cli.demo import Warehouse, show
from tap_cc_clicks.cli.options import console
from tap_cc_clicks.sandbox import Account, Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

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
# In a terminal Rich draws lines; one that is dumb gets no codes for colours.
SCREENS: dict[str, dict[str, str | None]] = {
    "pipe": {"FORCE_COLOR": None, "TERM": "dumb"},
    "terminal": {"FORCE_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"},
}
MANY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def run(screen: str, *arguments: object, given: str | None = None) -> Result:
    """Run a command, and see that it ends well and steers nothing."""
    result = CliRunner().invoke(
        cc_clicks, list(map(str, arguments)), input=given, env=SCREENS[screen]
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in {0, 1, 2}
    assert_tame(result.output)
    return result


def assert_tame(text: str) -> None:
    """See that a text holds nothing but printable characters and ends of lines."""
    steering = {char for char in text if not char.isprintable()} - {"\n"}
    assert not steering, text


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> str:
    """Return where the output goes."""
    return str(request.param)


@pytest.fixture(scope="module")
def service() -> Iterator[Sandbox]:
    """Return an account with one click, whose answers each test sets."""
    account = Account()
    account.add_click(account.add_campaign().activities[0])
    with Sandbox(account) as running:
        yield running


@pytest.fixture
def answering(service: Sandbox) -> Iterator[Sandbox]:
    """Return the account, and leave it as it was."""
    yield service
    service.faults.rules.clear()


def state_of(activity: Any, campaign: Any, value: Any, number: Any) -> dict[str, Any]:
    """Return a state that is one, but for what it is told."""
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
def test_a_state_steers_nothing(screen: str, state: Any, name: str) -> None:
    """Whatever is in it, and whatever is asked for."""
    text = json.dumps(state)
    run(screen, "state", "show", given=text)
    run(screen, "state", "show", "--json", given=text)
    run(screen, "state", "show", f"--campaign={name}", given=text)
    run(screen, "state", "reset", f"--activity={name}", given=text)


def test_a_state_is_shown_as_it_is(screen: str) -> None:
    """Not as markup; JSON keeps even what is not shown."""
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
def test_a_state_nested_without_end_is_refused(
    screen: str, command: tuple[str, ...]
) -> None:
    """In a sentence."""
    result = run(screen, *command, given='{"bookmarks":' + DEEP)
    assert result.exit_code == 1
    assert "it is nested too deep" in result.stderr


def test_names_of_files_steer_nothing(screen: str, tmp_path: Path) -> None:
    """Those that are there, and those that are not."""
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
def test_rows_steer_nothing(screen: str, clicks: Any, counted: Any) -> None:
    """As ``reconcile`` finds them in the files of target-jsonl."""
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
def test_odd_counts_are_refused(
    screen: str, tmp_path: Path, content: bytes, sentence: str
) -> None:
    """In a sentence that names the file."""
    path = tmp_path / "counts.csv"
    path.write_bytes(content)
    result = run(screen, "reconcile", f"--counts={path}")
    assert result.exit_code == 1
    assert sentence in result.stderr


def test_odd_files_of_rows_are_refused(screen: str, tmp_path: Path) -> None:
    """Nested without end, or no files at all."""
    path = tmp_path / "email_clicks.jsonl"
    path.write_text(DEEP)
    asked = ("reconcile", f"--jsonl={tmp_path}", "--offline")
    assert "is not a row of the stream" in run(screen, *asked).stderr
    path.unlink()
    path.mkdir()
    assert "cannot be read: Is a directory" in run(screen, *asked).stderr


def checked(sandbox: Sandbox, screen: str, *arguments: str, **config: Any) -> Result:
    """Check with these settings besides the simulator's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps({**sandbox.config, **config}))
        return run(screen, "check", f"--config={path}", *arguments)


def token_alone(sandbox: Sandbox, payload: str) -> dict[str, str]:
    """Return settings with an access token that says this of itself, and is good."""
    encoded = base64.urlsafe_b64encode(payload.encode("utf-8", "surrogatepass"))
    token = f"head.{encoded.decode().rstrip('=')}.signature"
    sandbox.tokens.access[token] = float("inf")
    return {"refresh_token": "", "access_token": token}


def answers(sandbox: Sandbox, **bodies: Any) -> None:
    """Let the endpoints that match answer with these bodies."""
    sandbox.faults.rules = [
        Fault("status", match, status=200, body=json.dumps(body))
        for match, body in bodies.items()
    ]


@MANY
@given(name=TEXTS | ANYTHING, scopes=ANYTHING, ends=ANYTHING, campaign=ANYTHING)
@example("a[/b]", ["campaign_data", HOSTILE[0]], 10**30, {"campaign_id": HOSTILE[1]})
@example(HOSTILE[2], ["campaign_data", [1]], -(10**400), {})
@example({}, ["campaign_data"], 1e300, {"current_status": "Done"})
def test_an_account_and_a_token_steer_nothing(
    screen: str, answering: Sandbox, name: Any, scopes: Any, ends: Any, campaign: Any
) -> None:
    """As ``check`` shows them."""
    access = token_alone(answering, json.dumps({"scp": scopes, "exp": ends}))
    rows = {"campaigns": [campaign], "campaign_activities": [campaign]}
    answers(answering, account={"organization_name": name}, emails=rows)
    checked(answering, screen, **access)
    checked(answering, screen, "--json", **access)


@pytest.mark.parametrize(
    "payload",
    [DEEP, '{"exp": 1e400}', '{"exp": NaN}', '{"exp": 9' + "9" * 5000 + "}", "\ud800"],
    ids=["deep", "infinite", "no number", "long", "surrogate"],
)
def test_a_token_that_says_nonsense_is_a_warning(
    screen: str, answering: Sandbox, payload: str
) -> None:
    """Whether it is good the API tells."""
    answers(answering, account={})
    result = checked(answering, screen, **token_alone(answering, payload))
    assert "does not say when it ends" in result.stdout
    assert re.search("ok +API", result.stdout)


@pytest.mark.parametrize(
    ("campaigns", "activities", "missing"),
    [
        ([{"current_status": "Done"}], [], "campaigns.campaign_id"),
        (
            [{"current_status": "Done", "campaign_id": "c"}],
            [{"role": "primary_email"}],
            "campaign_activities.campaign_activity_id",
        ),
    ],
)
def test_a_row_without_id_is_a_warning(
    screen: str, answering: Sandbox, campaigns: Any, activities: Any, missing: str
) -> None:
    """In the line that met it."""
    body = {"campaigns": campaigns, "campaign_activities": activities}
    answers(answering, emails=body)
    result = checked(answering, screen)
    assert result.exit_code == 0
    told = " ".join(result.stdout.split())
    assert f"without an id left out: 1 of {missing}" in told


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 01 Jan 9999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2020 00:00:00 +99999999999999",
        "Mon, 01 Jan 2020 00:00:00 -9999",
        "\x1b[2J",
    ],
)
def test_a_date_that_is_none_is_no_comparison(
    screen: str, answering: Sandbox, monkeypatch: pytest.MonkeyPatch, date: str
) -> None:
    """It costs its line alone."""
    monkeypatch.setattr(
        "tap_cc_clicks.cli.check.parsedate_to_datetime",
        lambda _: parsedate_to_datetime(date),
    )
    assert (
        "the service's answer has no date to compare with"
        in checked(answering, screen).stdout
    )


@MANY
@given(count=NUMBERS | ANYTHING, people=NUMBERS | ANYTHING, campaign=TEXTS)
@example(10**400, 10**400, "a[/b]")
@example(2**63, {}, HOSTILE[0])
def test_counters_of_every_kind_can_be_planned_with(
    screen: str, answering: Sandbox, count: Any, people: Any, campaign: str
) -> None:
    """Those that are none are not known."""
    stats = [
        {"campaign_activity_id": one, "stats": {"em_clicks_all": count}}
        for one in answering.account.activities
    ]
    summary = {"campaign_id": campaign, "unique_counts": people}
    answers(
        answering,
        email_campaign_activities={"results": stats},
        summary_reports={"bulk_email_campaign_summaries": [summary]},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps(answering.config))
        run(screen, "plan", f"--config={path}", "--sample=1")
        run(screen, "plan", f"--config={path}", "--json")


@MANY
@given(clicks=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=4))
@example([("a[/b]", HOSTILE[0], HOSTILE[1])])
def test_tables_and_charts_steer_nothing(screen: str, clicks: Any) -> None:
    """As the demo draws them."""
    rows = {str(number): click for number, click in enumerate(clicks)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SCREENS[screen].items():
            if value is not None:
                patch.setenv(name, value)
        drawn = console()
    drawn.file = written = io.StringIO()
    show(Warehouse(rows), drawn)
    assert_tame(written.getvalue())


@MANY
@given(
    body=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("verification_uri", "user_code", "device_code", "error"), ANYTHING
        ),
    )
)
@example({"error": ["x"], "user_code": HOSTILE[0]})
def test_a_sign_in_steers_nothing(screen: str, answering: Sandbox, body: Any) -> None:
    """Whatever the authorization server says."""
    answers(answering, authorize=body, token=body)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps({**answering.config, "token_store": f"{folder}/t"}))
        run(screen, "login", f"--config={path}")

"""Broken inputs of all kinds end in a clear error or a correct run."""

from __future__ import annotations

import contextlib
import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_cc_clicks import inputs
from tap_cc_clicks.tap import TapCCClicks
from tests.input_files import CATALOG, FAST, PREFIX, handed_in, run, written
from tests.support import EXAMPLES, Output, run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hypothesis.strategies import DrawFn

    from tap_cc_clicks.sandbox import Sandbox

# This value must not be shown.
SECRET = "s3cret-\u00e9"
# Other values could only make the run slow or send requests elsewhere.
ONLY_WRONG = {"requests_per_second", "api_url", "token_url"}
WRONG = [None, True, -1, [], {}, [SECRET], {"a": SECRET}, SECRET, "", " ", "[", "\x00"]
OTHER = [0, 1, 2.5, "1", "0.5", "2.0", 10**30, 1e300, "a,b", "[1]", "2026-01-31", "off"]
NAMES = [
    *TapCCClicks(validate_config=False).config_jsonschema["properties"],
    *("start_dat", "no_such_thing", "shop_page_size"),
]
BYTES: list[Any] = [
    lambda text: text.encode(),
    lambda text: b"\xef\xbb\xbf" + text.encode(),
    lambda text: text.replace("\n", "\r\n").encode(),
    lambda text: text.encode("utf-16"),
    lambda text: text.encode("utf-16-le"),
    lambda text: text.encode("latin-1", "replace") + b"\xe9",
    lambda text: text.encode()[: len(text) // 2],
    lambda _: b"",
    lambda _: b"[" * 5000,
    lambda _: b"null",
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value within JSON."""
    items: Any = value.items() if isinstance(value, dict) else ()
    for key, item in enumerate(value) if isinstance(value, list) else items:
        yield (*path, key)
        yield from paths(item, (*path, key))


@st.composite
def broken(draw: DrawFn, value: dict[str, Any]) -> bytes:
    """Return JSON with some values replaced or missing, in some encoding."""
    found = deepcopy(value)
    for _ in range(draw(st.integers(0, 2))):
        *above, last = draw(st.sampled_from(list(paths(found)) or [("streams",)]))
        place: Any = found
        for key in above:
            place = place[key]
        if draw(st.booleans()) and last in (place if isinstance(place, dict) else ()):
            del place[last]
        else:
            # Unknown streams are named in errors, so secrets are not used here.
            values = OTHER if last == "tap_stream_id" else WRONG + OTHER
            place[last] = deepcopy(draw(st.sampled_from(values)))
    text = json.dumps(found, ensure_ascii=False, indent=1)
    return bytes(draw(st.sampled_from(BYTES[:1] * 12 + BYTES))(text))


@st.composite
def some_settings(draw: DrawFn) -> dict[str, Any]:
    """Return settings, most of them wrong."""
    return {
        name: draw(st.sampled_from(WRONG if name in ONLY_WRONG else WRONG + OTHER))
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=2))
    }


@st.composite
def variables(draw: DrawFn) -> dict[str, str]:
    """Return settings as environment variables."""
    texts = {
        f"{PREFIX}{name.upper()}": value if isinstance(value, str) else str(value)
        for name, value in draw(some_settings()).items()
    }
    return {name: text.replace("\x00", "") for name, text in texts.items()}


@pytest.fixture(scope="module")
def state(account: Sandbox) -> dict[str, Any]:
    """Return the state of a run."""
    return run_tap(account).state


@given(data=st.data())
@settings(max_examples=EXAMPLES)
def test_any_input_ends_in_a_clear_error_or_a_correct_run(
    data: st.DataObject,
    account: Sandbox,
    state: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """No traceback and no value is shown, from any of the four inputs."""
    folder = tmp_path_factory.getbasetemp() / "inputs"
    folder.mkdir(exist_ok=True)
    config = {**account.config, **FAST, "client_secret": "sandbox-secret"}
    files = {
        "config": data.draw(broken({**config, **data.draw(some_settings())})),
        "catalog": data.draw(st.none() | broken(CATALOG)),
        "state": data.draw(st.none() | broken(state)),
    }
    environment, lines = data.draw(variables()), data.draw(variables()).items()
    dotenv = "\n".join(f"{name}={text}" for name, text in lines)
    encoded = data.draw(st.sampled_from(BYTES))(dotenv)
    more = ["--config=ENV"] * data.draw(st.integers(0, 1))
    with contextlib.chdir(folder):
        (folder / ".env").write_bytes(encoded)
        arguments = [*written(folder, files), *more]
        code, log, output = run(arguments, environment)
    assert "Traceback" not in log
    assert "s3cret" not in log
    assert "sandbox-secret" not in log
    assert code in {0, 1}, log
    assert code == 0 or " | ERROR " in log
    assert "cannot explain" not in log, log
    _check(output)


def _check(output: Output) -> None:
    """Check that the messages match their schemas."""
    keys: dict[str, list[str]] = {}
    for message in output.messages:
        if message["type"] == "SCHEMA":
            keys[message["stream"]] = message["key_properties"]
            assert set(message["key_properties"]) <= set(
                message["schema"]["properties"]
            )
        elif message["type"] == "RECORD":
            assert set(keys[message["stream"]]) <= set(message["record"])


@pytest.mark.parametrize("kind", ["config", "catalog", "state"])
@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (lambda text: b"\xef\xbb\xbf" + text.encode().replace(b"\n", b"\r\n"), None),
        (lambda text: text.encode("utf-16"), "is not text in UTF-8: save it as UTF-8"),
        (lambda text: text.encode("utf-16-le"), "is not text in UTF-8"),
        (lambda text: text.encode() + b"\xe9", "is not text in UTF-8"),
    ],
    ids=["BOM and CRLF", "UTF-16", "UTF-16 without BOM", "Latin-1"],
)
def test_files_are_utf_8_with_or_without_bom(
    account: Sandbox, tmp_path: Path, kind: str, written: Any, sentence: str | None
) -> None:
    """Other encodings are refused, and the message names the file."""
    given: dict[str, Any] = {
        "config": {**account.config, **FAST},
        "catalog": CATALOG,
        "state": {"bookmarks": {}},
    }
    text = json.dumps(given[kind], indent=1)
    code, log = handed_in(tmp_path, account, **{kind: written(text)})
    assert code == bool(sentence), log
    assert not sentence or f"The {kind} file {tmp_path / kind} cannot be read" in log
    assert (sentence or "") in log


def test_a_run_continues_from_a_state_file(
    account: Sandbox, state: dict[str, Any], tmp_path: Path
) -> None:
    """Numbers must stay integers: targets cannot write decimals."""
    known = deepcopy(state)
    known["bookmarks"]["campaign_activities"]["looks"] = [2500000, 1804500, 1795608900]
    code, log = handed_in(tmp_path, account, state=json.dumps(known).encode())
    assert code == 0, log


def test_a_file_that_is_too_large_is_not_read_completely(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """/dev/zero would be such a file."""
    monkeypatch.setattr(inputs, "LARGEST", 1000)
    _, log = handed_in(tmp_path, account, state=b" " * 1001)
    assert "cannot be read: it is larger than 1,000 bytes" in log


def test_a_run_fails_if_no_configured_campaign_exists(
    account: Sandbox, tmp_path: Path
) -> None:
    """Used to exit with 0 and write no rows."""
    account.log.clear()
    config = {**account.config, **FAST, "campaign_ids": ["nowhere"]}
    code, log = handed_in(tmp_path, account, config=json.dumps(config).encode())
    assert code == 1
    assert "None of the campaigns that campaign_ids names is in the account" in log
    assert set(account.log.counts()) <= {"token", "campaigns", "summaries"}

"""The .env file: only the working folder's, the user's own and the tap's variables."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import pytest

from tap_cc_clicks import dotenv
from tap_cc_clicks.api import files
from tap_cc_clicks.cli.envfile import write_env
from tap_cc_clicks.tap import TapCCClicks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PREFIX = "TAP_CC_CLICKS_"
LINE = "TAP_CC_CLICKS_TOKEN_URL=https://example.com/token\n"
FOUND = {"TAP_CC_CLICKS_TOKEN_URL": "https://example.com/token"}


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of .env in the working folder."""
    folder = tmp_path / "above" / "folder"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    return folder / ".env"


def test_parent_folders_are_not_searched(env: Path) -> None:
    """Anyone who may write there could redirect the tokens."""
    (env.parents[1] / ".env").write_text(LINE)
    assert dotenv.variables(PREFIX) == {}
    assert "token_url" not in TapCCClicks._env_var_config


def test_the_environment_is_not_changed(env: Path) -> None:
    """Only the tap's variables are read; a proxy in the file would see all traffic."""
    env.write_text(f"{LINE}HTTPS_PROXY=http://127.0.0.1:1\nREQUESTS_CA_BUNDLE=/ca\n")
    before = dict(os.environ)
    assert dotenv.variables(PREFIX) == FOUND
    assert TapCCClicks._env_var_config["token_url"] == "https://example.com/token"
    assert dict(os.environ) == before


def writable_by_all(env: Path, _: pytest.MonkeyPatch) -> None:
    """Make the file writable by all users."""
    env.write_text(LINE)
    env.chmod(0o666)


def of_another_user(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the file belong to another user."""
    env.write_text(LINE)
    env.chmod(0o644)
    monkeypatch.setattr(files, "trusted_owners", lambda: {os.geteuid() + 1})


def make_pipe(env: Path, _: pytest.MonkeyPatch) -> None:
    """Make the file a pipe without a writer."""
    os.mkfifo(env, 0o600)


def make_binary(env: Path, _: pytest.MonkeyPatch) -> None:
    """Make the file invalid UTF-8."""
    env.write_bytes(b"\xff\xfe")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (writable_by_all, "other users may use it: chmod 644 .env"),
        (of_another_user, "it belongs to another user"),
        (make_pipe, "it is not a regular file"),
        (make_binary, "it is not text in UTF-8: save it as UTF-8"),
    ],
)
def test_an_unsafe_or_unreadable_file_is_ignored_with_a_warning(
    env: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    made: Callable[[Path, pytest.MonkeyPatch], None],
    reason: str,
) -> None:
    """The warning is one sentence, and no setting is read from the file."""
    made(env, monkeypatch)
    found = TapCCClicks._env_var_config
    assert "token_url" not in found
    assert [(one.levelno, one.getMessage()) for one in caplog.records] == [
        (logging.WARNING, f"The file .env is ignored: {reason}")
    ]


def test_the_users_own_link_is_followed(env: Path) -> None:
    """Several folders may share one file."""
    (env.parents[1] / "shared.env").write_text(LINE)
    env.symlink_to("../shared.env")
    assert dotenv.variables(PREFIX) == FOUND


@pytest.mark.parametrize("token", ["plain", "$HOME-${HOME}", "it's", 'a\\b\\\\"c #d'])
def test_stored_tokens_are_read_back_unchanged(env: Path, token: str) -> None:
    """Tokens may contain quotes, dollar signs and backslashes."""
    write_env(env, {"refresh_token": token})
    assert dotenv.variables(PREFIX) == {"TAP_CC_CLICKS_REFRESH_TOKEN": token}


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("eyJ0.a_b-c/d+e==", "eyJ0.a_b-c/d+e=="),
        ("https://example.com/v3?", "'https://example.com/v3?'"),
        ("two words", "'two words'"),
        ("a#b", "'a#b'"),
    ],
)
def test_values_are_quoted_only_if_necessary(env: Path, value: str, line: str) -> None:
    """Docker's --env-file takes quotes as part of the value."""
    write_env(env, {"client_id": value})
    assert env.read_text() == f"TAP_CC_CLICKS_CLIENT_ID={line}\n"
    assert dotenv.variables(PREFIX) == {"TAP_CC_CLICKS_CLIENT_ID": value}


def test_a_file_with_bom_and_crlf_is_read_and_written(env: Path) -> None:
    """The first variable used to be missed."""
    env.write_bytes(b"\xef\xbb\xbfTAP_CC_CLICKS_CLIENT_ID=a\r\nOTHER=b\r\n")
    assert dotenv.variables(PREFIX) == {"TAP_CC_CLICKS_CLIENT_ID": "a"}
    write_env(env, {"client_id": "c"})
    assert dotenv.variables(PREFIX) == {"TAP_CC_CLICKS_CLIENT_ID": "c"}
    assert env.read_text().count("CLIENT_ID") == 1

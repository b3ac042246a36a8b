"""The token store: rotated tokens are on disk before use and never used twice."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.api import files
from tap_cc_clicks.api import tokens as tokens_module
from tap_cc_clicks.api.errors import InputError, TokenError
from tap_cc_clicks.api.tokens import Tokens, TokenStore
from tests.unit.test_auth import CONFIG, Endpoint, authenticator_of, authorized

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """Replace the token endpoint with one that rotates tokens."""
    made = Endpoint(refresh_token="next")
    monkeypatch.setattr("requests.Session.send", made)
    return made


def used(endpoint: Endpoint) -> list[str]:
    """Return the refresh tokens that were sent."""
    return [form["refresh_token"] for form in endpoint.forms]


def test_a_rotated_token_is_kept_for_later_runs(
    endpoint: Endpoint, state_home: Path
) -> None:
    """The next run needs no refresh; one after expiry uses the new refresh token."""
    authorized(authenticator_of(CONFIG))
    assert authorized(authenticator_of(CONFIG)) == "Bearer one"
    assert used(endpoint) == ["seed"]
    (file,) = state_home.glob("*.json")
    stored = json.loads(file.read_bytes())
    file.write_text(json.dumps({**stored, "expires_at": 0}))
    authorized(authenticator_of(CONFIG))
    assert used(endpoint) == ["seed", "next"]


def test_the_store_is_private(endpoint: Endpoint, state_home: Path) -> None:
    """Only the empty lock file is left beside it."""
    authorized(authenticator_of(CONFIG))
    files = {path.suffix: path for path in state_home.iterdir()}
    assert set(files) == {".json", ".lock"}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in files.values()}
    assert modes == {0o600}
    assert stat.S_IMODE(state_home.stat().st_mode) == 0o700
    assert not files[".lock"].stat().st_size
    assert endpoint.sent


def test_a_long_lived_token_is_not_stored(endpoint: Endpoint, state_home: Path) -> None:
    endpoint.answer["refresh_token"] = "seed"
    authorized(authenticator_of(CONFIG))
    assert not list(state_home.glob("*.json"))


def test_a_new_configured_token_replaces_the_stored_one(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    config = {**CONFIG, "token_store": str(tmp_path / "tokens.json")}
    authorized(authenticator_of(config))
    authorized(authenticator_of({**config, "refresh_token": "new seed"}))
    authorized(authenticator_of({**config, "refresh_token": "new seed"}))
    assert used(endpoint) == ["seed", "new seed"]


def test_a_refused_access_token_is_not_reused_from_the_store(
    endpoint: Endpoint,
) -> None:
    """One that another run stored meanwhile is used without a refresh."""
    ours, theirs = (authenticator_of(CONFIG) for _ in range(2))
    assert authorized(ours) == authorized(theirs) == "Bearer one"
    endpoint.answer.update(access_token="two", refresh_token="last")
    assert theirs.rejected("one")
    assert authorized(theirs) == "Bearer two"
    assert ours.rejected("one")
    assert authorized(ours) == "Bearer two"
    assert used(endpoint) == ["seed", "next"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such device files")
@pytest.mark.parametrize("place", ["missing/tokens.json", "tokens.json"])
def test_no_refresh_is_sent_if_the_store_cannot_be_written(
    endpoint: Endpoint, tmp_path: Path, place: str
) -> None:
    """A refresh would spend the token and return one that cannot be kept."""
    (tmp_path / "missing").write_text("a file, not a folder")
    (tmp_path / "tokens.json.new").mkdir()
    config = {**CONFIG, "token_store": str(tmp_path / place)}
    with pytest.raises(InputError, match="set token_store to a writable file"):
        authorized(authenticator_of(config))
    assert not endpoint.sent


def precious(path: Path) -> Path:
    """Return a file of the user's that must not be overwritten."""
    path.write_text("precious")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("name", ["tokens.json", "tokens.json.new", "tokens.json.lock"])
def test_a_symbolic_link_as_store_is_refused(
    endpoint: Endpoint, tmp_path: Path, name: str
) -> None:
    """Another user may have created it, and it may lead to any file."""
    folder, target = tmp_path / "store", precious(tmp_path / "target")
    folder.mkdir()
    (folder / name).symlink_to(target)
    config = {**CONFIG, "token_store": str(folder / "tokens.json")}
    with pytest.raises(InputError, match="symbolic link"):
        authorized(authenticator_of(config))
    assert target.read_text() == "precious"
    assert (folder / name).is_symlink()
    assert not endpoint.sent


@pytest.mark.parametrize("name", ["tokens.json", "tokens.json.new", "tokens.json.lock"])
def test_a_store_of_another_user_is_refused(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """That user could read or choose the tokens."""
    prepared = precious(tmp_path / name)
    monkeypatch.setattr(
        "tap_cc_clicks.api.files._check", foreign(prepared, files._check)
    )
    config = {**CONFIG, "token_store": str(tmp_path / "tokens.json")}
    with pytest.raises(InputError, match="it belongs to another user"):
        authorized(authenticator_of(config))
    assert prepared.read_text() == "precious"
    assert not endpoint.sent


def foreign(prepared: Path, check: Any) -> Any:
    """Return a check that sees one file as another user's."""

    def checked(path: Path, found: os.stat_result, forbidden: int) -> None:
        owner = os.geteuid() + 1 if path == prepared else found.st_uid
        as_seen = (*found[: stat.ST_UID], owner, *found[stat.ST_UID + 1 :])
        check(path, os.stat_result(as_seen), forbidden)

    return checked


@pytest.mark.parametrize("named", [True, False], ids=["token_store", "default"])
def test_a_folder_that_others_may_write_to_is_refused(
    endpoint: Endpoint, state_home: Path, *, named: bool
) -> None:
    """This holds for any store, before a token is spent that could not be kept."""
    state_home.mkdir()
    state_home.chmod(0o777)
    store = {"token_store": str(state_home / "tokens.json")} if named else {}
    with pytest.raises(InputError, match="other users may write to its folder: chmod"):
        authorized(authenticator_of({**CONFIG, **store}))
    assert not endpoint.sent
    assert not list(state_home.iterdir())


def test_new_folders_of_the_store_are_private(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """The umask has no effect."""
    config = {**CONFIG, "token_store": str(tmp_path / "a" / "b" / "tokens.json")}
    before = os.umask(0)
    try:
        authorized(authenticator_of(config))
    finally:
        os.umask(before)
    folders = (tmp_path / "a", tmp_path / "a" / "b")
    assert {stat.S_IMODE(one.stat().st_mode) for one in folders} == {0o700}
    assert endpoint.sent


@pytest.mark.parametrize("permissions", [0o644, 0o660])
def test_a_store_that_others_may_use_is_refused(
    endpoint: Endpoint, tmp_path: Path, permissions: int
) -> None:
    """The message names the command that fixes it."""
    path = tmp_path / "tokens.json"
    config = {**CONFIG, "token_store": str(path)}
    authorized(authenticator_of(config))
    path.chmod(permissions)
    with pytest.raises(InputError, match=f"other users may use it: chmod 600 {path}"):
        authorized(authenticator_of(config))
    assert used(endpoint) == ["seed"]


def test_a_store_that_cannot_be_locked_is_an_immediate_error(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Used to wait two minutes for another run that did not exist.

    As in /proc, the folder exists, but files cannot be created in it.
    """
    path = tmp_path / "tokens.json"
    monkeypatch.setattr(tokens_module, "LOCK_SECONDS", 0.1)
    opened = os.open

    def cannot_create(name: Any, flags: int, *rest: Any) -> int:
        if flags & os.O_CREAT:
            raise FileNotFoundError(2, "No such file or directory", name)
        return opened(name, flags, *rest)

    monkeypatch.setattr("os.open", cannot_create)
    config = {**CONFIG, "token_store": str(path)}
    with pytest.raises(InputError, match=r"cannot be written \(No such file"):
        authorized(authenticator_of(config))
    assert not endpoint.sent


def test_the_mark_of_an_interrupted_refresh_stays_until_an_answer(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """``cc-clicks check`` only reads the store and leaves the mark there."""
    path, mark = tmp_path / "tokens.json", tmp_path / "tokens.json.new"
    config = {**CONFIG, "token_store": str(path)}
    precious(mark)
    for _ in range(2):
        with TokenStore.from_config(config).locked():
            pass
    endpoint.status, endpoint.answer = 503, {}
    with pytest.raises(TokenError, match="not available"):
        authorized(authenticator_of(config))
    endpoint.status, endpoint.answer = 400, {"error": "invalid_grant"}
    with pytest.raises(TokenError, match="An earlier run was killed while it waited"):
        authorized(authenticator_of(config))
    assert not mark.exists()


def test_a_full_disk_is_detected_before_the_refresh(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, state_home: Path
) -> None:
    """The space is reserved first and overwritten later."""
    authorized(authenticator_of(CONFIG))
    (file,) = state_home.glob("*.json")
    before = json.loads(file.read_bytes())
    file.write_text(json.dumps({**before, "expires_at": 0}))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        authorized(authenticator_of(CONFIG))
    assert used(endpoint) == ["seed"]
    assert json.loads(file.read_bytes())["refresh_token"] == "next"


def test_long_lived_tokens_work_on_a_read_only_disk(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If the token rotates after all, the run ends with an error."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    endpoint.answer["refresh_token"] = "seed"
    assert authorized(authenticator_of(CONFIG)) == "Bearer one"
    endpoint.answer["refresh_token"] = "next"
    with pytest.raises(InputError, match="sign in again once the store works"):
        authorized(authenticator_of(CONFIG))


def test_long_lived_tokens_work_without_a_home_folder(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container, the user id may have no passwd entry."""

    def nobody(*_: Any) -> None:
        raise KeyError

    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    endpoint.answer["refresh_token"] = "seed"
    assert authorized(authenticator_of(CONFIG)) == "Bearer one"
    assert authorized(authenticator_of({**CONFIG, "refresh_token": None}))
    with pytest.raises(InputError, match="token_store begins with ~"):
        authenticator_of({**CONFIG, "token_store": "~/tokens.json"})
    endpoint.answer["refresh_token"] = "next"
    with pytest.raises(InputError, match="set token_store to a writable file"):
        authorized(authenticator_of(CONFIG))


@pytest.mark.parametrize("content", ["", "[]", '{"refresh_token": 1}'])
def test_a_damaged_store_is_not_overwritten(
    endpoint: Endpoint, tmp_path: Path, content: str
) -> None:
    """It may contain the only valid token."""
    path = tmp_path / "tokens.json"
    path.write_text(content)
    config = {**CONFIG, "token_store": str(path)}
    with pytest.raises(InputError, match="repair it, or delete it"):
        authorized(authenticator_of(config))
    assert not endpoint.sent
    assert path.read_text() == content


def test_a_hanging_run_does_not_block_others_forever(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, they report the lock and end."""
    monkeypatch.setattr(tokens_module, "LOCK_SECONDS", 0.1)
    config = {**CONFIG, "token_store": str(tmp_path / "tokens.json")}
    with (
        TokenStore.from_config(config).locked(),
        pytest.raises(
            InputError, match=r"has been locked by another run for 0.1 seconds"
        ),
    ):
        authorized(authenticator_of(config))
    assert not endpoint.sent


def test_a_refused_refresh_does_not_change_the_store(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    config: dict[str, Any] = {**CONFIG, "token_store": str(tmp_path / "tokens.json")}
    store = TokenStore.from_config(config)
    with store.locked():
        store.save(Tokens("kept", "old", 0))
    endpoint.status, endpoint.answer = 400, {"error": "invalid_grant"}
    with pytest.raises(TokenError, match="sign in again"):
        authorized(authenticator_of(config))
    assert used(endpoint) == ["kept"]
    loaded = store.load()
    assert loaded is not None
    assert loaded.refresh_token == "kept"

"""The token store: what rotates is on disk before it is used, and never used twice."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import FatalAPIError

from tap_cc_clicks.api import files
from tap_cc_clicks.api import tokens as tokens_module
from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.api.tokens import Tokens, TokenStore
from tests.unit.test_auth import CONFIG, Endpoint, authenticator_of, authorized

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """Replace the token endpoint by one whose tokens rotate."""
    made = Endpoint(refresh_token="next")
    monkeypatch.setattr("requests.Session.send", made)
    return made


def used(endpoint: Endpoint) -> list[str]:
    """Return the refresh tokens that were sent."""
    return [form["refresh_token"] for form in endpoint.forms]


def test_a_rotated_token_outlives_the_run(endpoint: Endpoint, state_home: Path) -> None:
    """The next run needs no refresh; the one after the token's day uses the new one."""
    authorized(authenticator_of(CONFIG))
    assert authorized(authenticator_of(CONFIG)) == "Bearer one"
    assert used(endpoint) == ["seed"]
    (file,) = state_home.glob("*.json")
    stored = json.loads(file.read_bytes())
    file.write_text(json.dumps({**stored, "expires_at": 0}))
    authorized(authenticator_of(CONFIG))
    assert used(endpoint) == ["seed", "next"]


def test_only_its_owner_may_read_the_store(
    endpoint: Endpoint, state_home: Path
) -> None:
    """Nor is anything left beside it but the lock, which holds nothing."""
    authorized(authenticator_of(CONFIG))
    files = {path.suffix: path for path in state_home.iterdir()}
    assert set(files) == {".json", ".lock"}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in files.values()}
    assert modes == {0o600}
    assert stat.S_IMODE(state_home.stat().st_mode) == 0o700
    assert not files[".lock"].stat().st_size
    assert endpoint.sent


def test_a_long_lived_token_leaves_no_trace(
    endpoint: Endpoint, state_home: Path
) -> None:
    """There is nothing to keep."""
    endpoint.answer["refresh_token"] = "seed"
    authorized(authenticator_of(CONFIG))
    assert not list(state_home.glob("*.json"))


def test_a_new_seed_wins(endpoint: Endpoint, tmp_path: Path) -> None:
    """Whatever the store holds of an older one."""
    config = {**CONFIG, "token_store": str(tmp_path / "tokens.json")}
    authorized(authenticator_of(config))
    authorized(authenticator_of({**config, "refresh_token": "new seed"}))
    authorized(authenticator_of({**config, "refresh_token": "new seed"}))
    assert used(endpoint) == ["seed", "new seed"]


def test_a_refused_access_token_is_not_taken_from_the_store_again(
    endpoint: Endpoint,
) -> None:
    """But one that another run has stored meanwhile is, without a refresh."""
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
def test_an_unwritable_store_prevents_the_refresh(
    endpoint: Endpoint, tmp_path: Path, place: str
) -> None:
    """The new token could not be kept."""
    (tmp_path / "missing").write_text("a file, not a folder")
    (tmp_path / "tokens.json.new").mkdir()
    config = {**CONFIG, "token_store": str(tmp_path / place)}
    with pytest.raises(InputError, match="set token_store to a writable file"):
        authorized(authenticator_of(config))
    assert not endpoint.sent


def precious(path: Path) -> Path:
    """Return a file of the user's that nobody is to overwrite."""
    path.write_text("precious")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("name", ["tokens.json", "tokens.json.new", "tokens.json.lock"])
def test_a_linked_store_is_refused(
    endpoint: Endpoint, tmp_path: Path, name: str
) -> None:
    """Another user may have made it, and it may lead to any file."""
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
    """That user could read or replace the tokens."""
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
    """Return a check to which one file belongs to another user."""

    def checked(path: Path, found: os.stat_result, forbidden: int) -> None:
        owner = os.geteuid() + 1 if path == prepared else found.st_uid
        as_seen = (*found[: stat.ST_UID], owner, *found[stat.ST_UID + 1 :])
        check(path, os.stat_result(as_seen), forbidden)

    return checked


@pytest.mark.parametrize("named", [True, False], ids=["token_store", "default"])
def test_a_folder_writable_by_others_is_refused(
    endpoint: Endpoint, state_home: Path, *, named: bool
) -> None:
    """Wherever the store is, and before a token is spent that could not be kept."""
    state_home.mkdir()
    state_home.chmod(0o777)
    store = {"token_store": str(state_home / "tokens.json")} if named else {}
    with pytest.raises(InputError, match="other users may write to its folder: chmod"):
        authorized(authenticator_of({**CONFIG, **store}))
    assert not endpoint.sent
    assert not list(state_home.iterdir())


def test_all_folders_made_for_the_store_are_private(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """Whatever the umask."""
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
def test_a_store_usable_by_others_is_refused(
    endpoint: Endpoint, tmp_path: Path, permissions: int
) -> None:
    """With the command that helps."""
    path = tmp_path / "tokens.json"
    config = {**CONFIG, "token_store": str(path)}
    authorized(authenticator_of(config))
    path.chmod(permissions)
    with pytest.raises(InputError, match=f"other users may use it: chmod 600 {path}"):
        authorized(authenticator_of(config))
    assert used(endpoint) == ["seed"]


def test_a_store_that_cannot_be_locked_fails_at_once(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock waited two minutes for another run that there was not.

    As below /proc: the folder is there, and no file can be made in it.
    """
    path = tmp_path / "tokens.json"
    monkeypatch.setattr(tokens_module, "LOCK_SECONDS", 0.1)
    opened = os.open

    def none_made(name: Any, flags: int, *rest: Any) -> int:
        if flags & os.O_CREAT:
            raise FileNotFoundError(2, "No such file or directory", name)
        return opened(name, flags, *rest)

    monkeypatch.setattr("os.open", none_made)
    config = {**CONFIG, "token_store": str(path)}
    with pytest.raises(InputError, match=r"cannot be written \(No such file"):
        authorized(authenticator_of(config))
    assert not endpoint.sent


def test_the_mark_of_an_interrupted_refresh_stays_until_a_response(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """``cc-clicks check`` only reads the store, and leaves it there."""
    path, mark = tmp_path / "tokens.json", tmp_path / "tokens.json.new"
    config = {**CONFIG, "token_store": str(path)}
    precious(mark)
    for _ in range(2):
        with TokenStore.from_config(config).locked():
            pass
    endpoint.status, endpoint.answer = 503, {}
    with pytest.raises(FatalAPIError, match="not available"):
        authorized(authenticator_of(config))
    endpoint.status, endpoint.answer = 400, {"error": "invalid_grant"}
    with pytest.raises(
        FatalAPIError, match="An earlier run was killed while it waited"
    ):
        authorized(authenticator_of(config))
    assert not mark.exists()


def test_a_full_disk_is_found_before_the_refresh(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, state_home: Path
) -> None:
    """Room is taken first, and written over after."""
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


def test_long_lived_tokens_need_no_writable_disk(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If a token rotates, the run ends with a message."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    endpoint.answer["refresh_token"] = "seed"
    assert authorized(authenticator_of(CONFIG)) == "Bearer one"
    endpoint.answer["refresh_token"] = "next"
    with pytest.raises(InputError, match="sign in again once the store works"):
        authorized(authenticator_of(CONFIG))


def test_long_lived_tokens_need_no_home_folder(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, whose user id has no passwd entry."""

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
    """It may hold the only token there is."""
    path = tmp_path / "tokens.json"
    path.write_text(content)
    config = {**CONFIG, "token_store": str(path)}
    with pytest.raises(InputError, match="repair it, or delete it"):
        authorized(authenticator_of(config))
    assert not endpoint.sent
    assert path.read_text() == content


def test_a_lock_is_waited_for_with_a_limit(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the cause."""
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


def test_a_refusal_leaves_the_store_as_it_was(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """A refused or lost answer changes nothing on disk."""
    config: dict[str, Any] = {**CONFIG, "token_store": str(tmp_path / "tokens.json")}
    store = TokenStore.from_config(config)
    with store.locked():
        store.save(Tokens("kept", "old", 0))
    endpoint.status, endpoint.answer = 400, {"error": "invalid_grant"}
    with pytest.raises(FatalAPIError, match="sign in again"):
        authorized(authenticator_of(config))
    assert used(endpoint) == ["kept"]
    loaded = store.load()
    assert loaded is not None
    assert loaded.refresh_token == "kept"

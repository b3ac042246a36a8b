"""Rotating refresh tokens, and runs that end at the worst time."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from queue import Queue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.sandbox import Fault, Sandbox, generate
from tap_cc_clicks.sandbox.oauth import Tokens
from tests.child import Fate, start
from tests.support import HANGS, NEVER, Output, clicks, rows, run_tap

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

SIGN_IN_AGAIN = "sign in again for a new one"


@pytest.fixture
def rotating() -> Iterator[Sandbox]:
    """Return an account whose refresh tokens are valid for one use."""
    account = generate(campaigns=8, clicks=60)
    with Sandbox(account, tokens=Tokens(rotating=True)) as running:
        yield running


@pytest.fixture
def config(rotating: Sandbox, tmp_path: Path) -> dict[str, Any]:
    """Return settings with the first refresh token and a separate store."""
    return {**rotating.config, "token_store": str(tmp_path / "store" / "tokens.json")}


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str, Output]:
    """Wait for a run, and return its exit code, log and output."""
    written, said = process.communicate(timeout=HANGS)
    lines = [line for line in written.split(b"\n") if line.endswith(b"}")]
    return process.returncode, said.decode(), Output([json.loads(one) for one in lines])


def run(
    config: dict[str, Any], folder: Path, fate: Fate | None = None
) -> tuple[int, str, Output]:
    """Run the tap as a process until it ends."""
    return finish(start(config, folder, fate=fate))


def wait_for(happening: Any) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + HANGS
    while not happening():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_complete(sandbox: Sandbox, output: Output) -> None:
    """Check that a run wrote all clicks."""
    assert rows(clicks(output).values()) == rows(sandbox.account.rows())


def test_a_new_refresh_token_invalidates_all_earlier_ones(rotating: Sandbox) -> None:
    """The simulator does what the vendor's forum describes."""
    secret = rotating.config["client_secret"]
    form = {"grant_type": "refresh_token", "client_id": "sandbox-client"}
    assert secret
    given = [str(rotating.tokens.refresh_token)]
    for _ in range(3):
        status, answer = rotating.tokens.grant({**form, "refresh_token": given[-1]}, "")
        assert status == 200
        given.append(answer["refresh_token"])
    assert len(set(given)) == 4
    for token in given[:-1]:
        status, answer = rotating.tokens.grant({**form, "refresh_token": token}, "")
        assert (status, answer["error"]) == (400, "invalid_grant")


def test_the_token_of_a_killed_run_is_used_by_the_next(
    rotating: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    """A new token is on disk before it is used."""
    fate = Fate(dies_after="tap_cc_clicks.api.tokens:TokenStore.save")
    code, _, _ = run(config, tmp_path, fate)
    assert code == -signal.SIGKILL
    assert not rotating.log.entries
    assert rotating.tokens.renewals == 1
    code, said, output = run(config, tmp_path)
    assert code == 0, said
    assert rotating.tokens.renewals == 1
    assert_complete(rotating, output)


def test_a_run_killed_during_a_refresh_is_explained_by_the_next(
    rotating: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    """Its token is used up and the new one lost; the next run says why."""
    rotating.faults.rules.append(Fault("slow", match="/token", seconds=NEVER, times=1))
    process = start(config, tmp_path)
    wait_for(lambda: rotating.tokens.renewals)
    process.kill()
    finish(process)
    code, said, _ = run(config, tmp_path)
    assert code == 1
    assert SIGN_IN_AGAIN in said
    assert "An earlier run was killed while it waited" in said
    assert "Traceback" not in said


def test_a_run_killed_before_a_refresh_keeps_its_token(
    rotating: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    """The next run loads every click with it."""
    fate = Fate(dies_after="tap_cc_clicks.api.tokens:TokenStore.load")
    code, _, _ = run(config, tmp_path, fate)
    assert code == -signal.SIGKILL
    code, said, output = run(config, tmp_path)
    assert code == 0, said
    assert_complete(rotating, output)


def test_a_run_terminated_during_a_refresh_stores_the_token(
    rotating: Sandbox,
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process waits for the response, so that nobody has to sign in again.

    Used to lose it: the response came to a thread that had ended with the process.
    """
    rotating.faults.rules.append(Fault("slow", match="/token", seconds=0.5))
    started: Queue[subprocess.Popen[bytes]] = Queue()
    grant = rotating.tokens.grant

    def expire(endpoint: str) -> None:
        if endpoint == "stats":
            rotating.on_request = None
            rotating.tokens.expire_all()

    def interrupt(form: Any, authorization: str) -> Any:
        answer = grant(form, authorization)
        # The second refresh comes in the middle of the run, in one of its threads.
        if rotating.tokens.renewals == 2:
            started.get().send_signal(signal.SIGTERM)
        return answer

    rotating.on_request = expire
    monkeypatch.setattr(rotating.tokens, "grant", interrupt)
    process = start(config, tmp_path)
    started.put(process)
    code, said, _ = finish(process)
    monkeypatch.undo()
    assert code == 128 + signal.SIGTERM, said
    assert "state was written" in said
    code, said, output = run(config, tmp_path)
    assert code == 0, said
    assert_complete(rotating, output)


def test_a_run_that_waits_for_a_token_retry_can_be_terminated(
    rotating: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    """At once, and no mark of an interrupted refresh is left."""
    busy = Fault("status", match="/token", status=503, times=1)
    rotating.faults.rules.append(busy)
    patches = {"tap_cc_clicks.api.auth:SECONDS_BETWEEN_CALLS": NEVER}
    process = start(config, tmp_path, fate=Fate(patches=patches))
    mark = tmp_path / "store" / "tokens.json.new"
    wait_for(lambda: not busy.times and not mark.exists())
    process.send_signal(signal.SIGTERM)
    code, said, _ = finish(process)
    assert code == 128 + signal.SIGTERM, said
    assert [path.suffix for path in (tmp_path / "store").iterdir()] == [".lock"]


def test_concurrent_runs_refresh_once(
    rotating: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    """The second run waits for the token of the first, and both succeed."""
    rotating.faults.rules.append(Fault("slow", match="/token", seconds=0.5))
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    processes = [start(config, folder) for folder in folders]
    for code, said, output in map(finish, processes):
        assert code == 0, said
        assert_complete(rotating, output)
    assert rotating.tokens.renewals == 1


def test_a_lost_store_requires_a_new_sign_in(
    rotating: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    """The token in the settings is used up; a new one is accepted."""
    run_tap(rotating, **config)
    (tmp_path / "store" / "tokens.json").unlink()
    code, said, _ = run(config, tmp_path)
    assert code == 1
    assert SIGN_IN_AGAIN in said
    assert "sandbox-refresh" not in said
    rotating.tokens.expires_in = 3600
    new_seed = {**config, "refresh_token": rotating.tokens.refresh_token}
    code, said, output = run(new_seed, tmp_path)
    assert code == 0, said
    assert_complete(rotating, output)


def test_a_new_refresh_token_setting_replaces_the_store(
    rotating: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    """Rotation continues from it."""
    run_tap(rotating, **config)
    # After a new sign-in, all earlier tokens are invalid.
    rotating.tokens.expire_all()
    rotating.tokens.refresh_token = "signed-in-again"
    new_seed = {**config, "refresh_token": "signed-in-again"}
    for _ in range(2):
        code, said, output = run(new_seed, tmp_path)
        assert code == 0, said
        assert_complete(rotating, output)
        rotating.tokens.expire_all()
    assert rotating.tokens.renewals == 3


def test_a_store_that_cannot_be_written_ends_the_run_before_the_refresh(
    rotating: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    """The token is not used up, and works once the folder is writable."""
    folder = tmp_path / "store"
    if os.geteuid() == 0:
        # Root ignores modes, but not a file in the folder's place.
        folder.write_text("")
    else:
        folder.mkdir(mode=0o500)
    code, said, _ = run(config, tmp_path)
    assert code == 1
    assert "cannot be written" in said
    assert "set token_store to a writable file" in said
    assert rotating.tokens.renewals == 0
    folder.unlink() if folder.is_file() else folder.chmod(0o700)
    code, said, output = run(config, tmp_path)
    assert code == 0, said
    assert_complete(rotating, output)


@pytest.mark.parametrize("known", [False, True], ids=["first", "later"])
def test_a_full_disk_ends_the_run_before_the_refresh(
    rotating: Sandbox, config: dict[str, Any], tmp_path: Path, *, known: bool
) -> None:
    """For the first and for later tokens; the store is unchanged."""
    if known:
        run_tap(rotating, **config)
        rotating.tokens.expire_all()
    before = rotating.tokens.renewals
    code, said, _ = run(config, tmp_path, Fate(largest_file=1000))
    assert code == 1
    assert "File too large" in said
    assert rotating.tokens.renewals == before
    assert [path.suffix for path in (tmp_path / "store").iterdir()] in (
        [".lock"],
        [".json", ".lock"],
        [".lock", ".json"],
    )
    code, said, output = run(config, tmp_path)
    assert code == 0, said
    assert_complete(rotating, output)


def test_each_of_many_renewals_is_stored_before_it_is_used(
    rotating: Sandbox,
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tokens expire all the time, and each is on disk before its first request."""
    store = tmp_path / "store" / "tokens.json"
    rotating.tokens.expires_in = 3
    # Time passes only with calls.
    passed = itertools.count(time.time(), 0.05)
    now = SimpleNamespace(
        time=lambda: next(passed), monotonic=lambda: next(passed), sleep=lambda _: None
    )
    for module in ("api.auth", "sandbox.oauth"):
        monkeypatch.setattr(f"tap_cc_clicks.{module}.time", now)
    seen: set[str] = set()

    def look(_: str) -> None:
        stored = json.loads(store.read_bytes())
        assert stored["refresh_token"] == rotating.tokens.refresh_token
        seen.add(stored["refresh_token"])

    rotating.on_request = look
    output = run_tap(rotating, **config, concurrency=1, page_size=1)
    assert_complete(rotating, output)
    assert set(rotating.log.statuses()) == {200}
    assert len(seen) == rotating.tokens.renewals >= 3
    code, said, output = run(config, tmp_path)
    assert code == 0, said
    assert_complete(rotating, output)


@pytest.mark.usefixtures("no_waiting")
def test_tokens_that_expire_during_runs_are_renewed(
    rotating: Sandbox, config: dict[str, Any]
) -> None:
    """Each refusal leads to one renewal."""
    since: list[str] = []

    def expire(endpoint: str) -> None:
        since.append(endpoint)
        if len(since) == 25:
            since.clear()
            rotating.tokens.expire_all()

    rotating.on_request = expire
    for _ in range(3):
        output = run_tap(rotating, **config, page_size=2)
        assert_complete(rotating, output)
    assert rotating.tokens.renewals >= 4

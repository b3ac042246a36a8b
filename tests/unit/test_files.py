"""Private files: unsafe files and folders are refused."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from tap_cc_clicks.api import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Set the umask to 0."""
    before = os.umask(0)
    yield
    os.umask(before)


def of_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all files belong to another user."""
    monkeypatch.setattr(files, "trusted_owners", lambda: {os.geteuid() + 1})


def mode(path: Path) -> int:
    """Return a file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def refusal(action: Callable[[], object]) -> str:
    """Return the reason why an action is refused."""
    with pytest.raises(files.UnsafeError) as error:
        action()
    return str(error.value.strerror)


@pytest.mark.usefixtures("open_umask")
def test_new_folders_are_private(tmp_path: Path) -> None:
    """This includes parents; existing folders keep their permissions."""
    there = tmp_path / "there"
    there.mkdir(0o755)
    files.make_folder(there / "a" / "b")
    files.make_folder(there / "a" / "b")
    folders = (there, there / "a", there / "a" / "b")
    assert [mode(one) for one in folders] == [0o755, 0o700, 0o700]


@pytest.mark.parametrize("permissions", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_refused(
    tmp_path: Path, permissions: int
) -> None:
    """A sticky bit makes it safe, as it protects each user's files."""
    tmp_path.chmod(permissions)
    assert refusal(lambda: files.check_folder(tmp_path)) == (
        f"other users may write to its folder: chmod go-w {tmp_path}"
    )
    tmp_path.chmod(permissions | stat.S_ISVTX)
    files.check_folder(tmp_path)
    tmp_path.chmod(0o755)
    files.check_folder(tmp_path)


def test_a_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner can replace any file in it."""
    of_another_user(monkeypatch)
    assert "belongs to another user" in refusal(lambda: files.check_folder(tmp_path))


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("writer", [files.write, files.replace])
def test_written_files_are_private(
    tmp_path: Path, writer: Callable[[Path, bytes], None]
) -> None:
    """The umask has no effect, and the old content is replaced completely."""
    path = tmp_path / "file"
    for content in (b"a longer one", b"short"):
        writer(path, content)
        assert path.read_bytes() == files.read(path) == content
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("writer", [files.write, files.replace])
@pytest.mark.parametrize("there", [True, False], ids=["whole", "dangling"])
def test_a_link_is_not_followed(
    tmp_path: Path, writer: Callable[[Path, bytes], None], *, there: bool
) -> None:
    """It may lead to any of the user's files."""
    target, link = tmp_path / "target", tmp_path / "link"
    if there:
        target.write_bytes(b"precious")
    link.symlink_to(target)
    assert refusal(lambda: writer(link, b"new")) == "it is a symbolic link"
    assert refusal(lambda: files.read(link)) == "it is a symbolic link"
    assert target.exists() is there
    assert not there or target.read_bytes() == b"precious"


def test_a_hard_link_is_not_written_to(tmp_path: Path) -> None:
    """It may be another name of any of the user's files."""
    target, link = tmp_path / "target", tmp_path / "link"
    files.write(target, b"precious")
    link.hardlink_to(target)
    assert "a hard link" in refusal(lambda: files.write(link, b"new"))
    assert target.read_bytes() == b"precious"


def test_a_file_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That user could read what is written and choose what is read."""
    path = tmp_path / "file"
    files.write(path, b"theirs")
    of_another_user(monkeypatch)
    for action in (files.touch, files.read, lambda path: files.write(path, b"mine")):
        assert refusal(lambda: action(path)) == "it belongs to another user"  # noqa: B023
    assert path.read_bytes() == b"theirs"


@pytest.mark.parametrize("permissions", [0o640, 0o604, 0o660, 0o606])
def test_a_file_that_others_may_use_is_refused(
    tmp_path: Path, permissions: int
) -> None:
    """The message has the fix; files that others may only read can be allowed."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(permissions)
    for action in (files.touch, files.read, lambda path: files.write(path, b"new")):
        assert refusal(lambda: action(path)) == (  # noqa: B023
            f"other users may use it: chmod 600 {path}"
        )
    if permissions & files.WRITABLE_BY_OTHERS:
        refusal(lambda: files.read(path, files.WRITABLE_BY_OTHERS))
    else:
        assert files.read(path, files.WRITABLE_BY_OTHERS) == b"old"


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """The tap does not wait for its other end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert refusal(lambda: files.read(pipe)) == "it is not a regular file"
    assert refusal(lambda: files.replace(pipe, b"")) == "it is not a regular file"
    with pytest.raises(OSError, match="No such device"):
        files.write(pipe, b"")


def test_a_failed_replacement_leaves_no_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file is unchanged."""
    path = tmp_path / "file"
    files.write(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.replace(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_only_the_users_own_link_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users may link files such as .env."""
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to("target")
    assert files.resolve_link(link) == target
    assert files.resolve_link(target) == target
    of_another_user(monkeypatch)
    assert "another user's" in refusal(lambda: files.resolve_link(link))

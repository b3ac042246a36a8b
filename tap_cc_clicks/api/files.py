"""Files that hold secrets: no other user may read, redirect or replace them.

Every error is an OSError. Its ``strerror`` is a clause that says what is wrong and what
to do, for the caller's message about the file.

On Windows, only the writing itself applies: it has other permissions, and no other
users in a person's folders.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

OWNER_ONLY = 0o600
FOLDER_OF_OWNER = 0o700
WRITABLE_BY_OTHERS = 0o022
OPEN_TO_OTHERS = 0o077
# Do not follow links, do not block on a pipe; on Windows, do not translate newlines.
OPEN_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
LINK = "it is a symbolic link"
NO_FILE = "it is not a regular file"
POSIX = os.name == "posix"


class UnsafeError(PermissionError):
    """Another user could read, redirect or replace the file."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EACCES, reason)


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents, for the owner only."""
    for folder in reversed((path, *path.parents)):
        if not folder.is_dir():
            folder.mkdir(mode=FOLDER_OF_OWNER, exist_ok=True)


def check_folder(path: Path) -> None:
    """Check that no other user can replace or remove the files of a folder.

    Raises:
        OSError: One can, or the folder does not exist.
    """
    found = path.stat()
    if not POSIX:
        return
    foreign = found.st_uid not in trusted_owners()
    _refuse_if(foreign, "its folder belongs to another user")
    # With the sticky bit, as in /tmp, others can only add files of their own.
    protected = found.st_mode & stat.S_ISVTX or not found.st_mode & WRITABLE_BY_OTHERS
    reason = f"other users may write to its folder: chmod go-w {path}"
    _refuse_if(not protected, reason)


def resolve_link(path: Path) -> Path:
    """Return the target of a path that may be the user's own symbolic link.

    Raises:
        OSError: The link belongs to another user.
    """
    if not path.is_symlink():
        return path
    foreign = POSIX and path.lstat().st_uid not in trusted_owners()
    _refuse_if(foreign, "it is another user's symbolic link")
    return Path(os.path.realpath(path))


def read(path: Path, forbidden: int = OPEN_TO_OTHERS) -> bytes:
    """Return the content of a file that belongs to the user.

    Args:
        forbidden: Permission bits that the file must not have.

    Raises:
        OSError: It cannot be read, or belongs to another user.
    """
    with os.fdopen(_open(path, os.O_RDONLY, forbidden), "rb") as file:
        return file.read()


def write(path: Path, content: bytes) -> None:
    """Write a private file and wait until it is on disk.

    An existing file is overwritten in place, so that it needs no new space.

    Raises:
        OSError: It cannot be written, or the existing file belongs to another user.
    """
    with os.fdopen(_open_for_writing(path), "wb") as file:
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def touch(path: Path) -> None:
    """Create an empty private file, or check that the existing one is private.

    Raises:
        OSError: It cannot be created, or is not private.
    """
    os.close(_open_for_writing(path))


def replace(path: Path, content: bytes, mode: int = OWNER_ONLY) -> None:
    """Replace a file atomically.

    Raises:
        OSError: It cannot be written, or is a link or a device.
    """
    _refuse_if(path.is_symlink(), LINK)
    _refuse_if(path.exists() and not path.is_file(), NO_FILE)
    # A name that nobody can guess and create first.
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write(new, content)
        new.chmod(mode)
        move(new, path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


def move(new: Path, path: Path) -> None:
    """Replace a file by another, and make that durable."""
    new.replace(path)
    # Not on Windows, which cannot open folders.
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def trusted_owners() -> set[int]:
    """Return the users whose files are trusted: the user and root."""
    return {0, os.geteuid()} if POSIX else set()


def _open_for_writing(path: Path) -> int:
    """Open a file for writing: a new one, or one that belongs to the user."""
    try:
        return os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_FLAGS, OWNER_ONLY
        )
    except FileExistsError:
        return _open(path, os.O_WRONLY, OPEN_TO_OTHERS)


def _open(path: Path, flags: int, forbidden: int) -> int:
    try:
        descriptor = os.open(path, flags | OPEN_FLAGS)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafeError(LINK) from None
        raise
    try:
        found = os.fstat(descriptor)
        _check(path, found, forbidden)
        two_names = flags & os.O_WRONLY and found.st_nlink > 1
        _refuse_if(two_names, "it has a second name (a hard link)")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(path: Path, found: os.stat_result, forbidden: int) -> None:
    """Refuse a file that another user owns or may use, and what is not a file."""
    _refuse_if(not stat.S_ISREG(found.st_mode), NO_FILE)
    if not POSIX:
        return
    _refuse_if(found.st_uid not in trusted_owners(), "it belongs to another user")
    mode = stat.S_IMODE(found.st_mode)
    reason = f"other users may use it: chmod {mode & ~forbidden:o} {path}"
    _refuse_if(mode & forbidden, reason)


def _refuse_if(wrong: object, reason: str) -> None:
    if wrong:
        raise UnsafeError(reason)

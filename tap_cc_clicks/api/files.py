"""Files that hold secrets: no other user may read, redirect or replace them.

Every error is an OSError whose ``strerror`` says what is wrong and what to do, as a
part of the sentence in which a caller names the file.

Windows keeps permissions in other ways, and has no other users in a person's folders:
there files are only written whole and waited for.
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
# A link is not followed, and a pipe does not make us wait for its other end. Windows
# has neither flag, and needs to be told that a file is no text.
OPEN_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
LINK = "it is a symbolic link"
NO_FILE = "it is no regular file"
POSIX = os.name == "posix"


class UnsafeError(PermissionError):
    """Another user could read, redirect or replace what is written there."""

    def __init__(self, reason: str) -> None:
        """Give the reason as the system gives its own."""
        super().__init__(errno.EACCES, reason)


def make_folder(path: Path) -> None:
    """Make a folder and what is missing above it, each for its owner alone."""
    for folder in reversed((path, *path.parents)):
        if not folder.is_dir():
            folder.mkdir(mode=FOLDER_OF_OWNER, exist_ok=True)


def check_folder(path: Path) -> None:
    """See that nobody else can replace or remove the files of a folder.

    Raises:
        OSError: Others can, or it is not there.
    """
    found = path.stat()
    if not POSIX:
        return
    foreign = found.st_uid not in trusted_owners()
    _refuse_if(foreign, "its folder belongs to another user")
    # Where the sticky bit is set, as for /tmp, others can only add files of their own.
    protected = found.st_mode & stat.S_ISVTX or not found.st_mode & WRITABLE_BY_OTHERS
    reason = f"other users may write to its folder: chmod go-w {path}"
    _refuse_if(not protected, reason)


def resolve_link(path: Path) -> Path:
    """Return the file that a path means, at the end of the user's own symbolic link.

    Raises:
        OSError: The link is another user's.
    """
    if not path.is_symlink():
        return path
    foreign = POSIX and path.lstat().st_uid not in trusted_owners()
    _refuse_if(foreign, "it is another user's symbolic link")
    return Path(os.path.realpath(path))


def read(path: Path, forbidden: int = OPEN_TO_OTHERS) -> bytes:
    """Return what a file of the user's holds.

    Args:
        path: The file.
        forbidden: Permissions with which it is refused.

    Raises:
        OSError: It cannot be read, or is not the user's own.
    """
    with os.fdopen(_opened(path, os.O_RDONLY, forbidden), "rb") as file:
        return file.read()


def write(path: Path, content: bytes) -> None:
    """Write a private file and wait until the disk has it.

    One that is there is written over, so that it needs no new room.

    Raises:
        OSError: It cannot be written, or what is there is not the user's own.
    """
    with os.fdopen(_made(path), "wb") as file:
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def touch(path: Path) -> None:
    """Make an empty private file, or see that the one there is the user's own.

    Raises:
        OSError: It cannot be made, or is not.
    """
    os.close(_made(path))


def replace(path: Path, content: bytes, mode: int = OWNER_ONLY) -> None:
    """Put a file in its place, whole or not at all.

    Args:
        path: The file.
        content: What it is to hold.
        mode: Its permissions.

    Raises:
        OSError: It cannot be written, or is a link or a device.
    """
    _refuse_if(path.is_symlink(), LINK)
    _refuse_if(path.exists() and not path.is_file(), NO_FILE)
    # A name that nobody else can have made first.
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
    """Put a file in the place of another, and make that outlast a power cut."""
    new.replace(path)
    # Where the system lets us: Windows opens no folder.
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def trusted_owners() -> set[int]:
    """Return the users whose files are taken for the user's own: root may do all."""
    return {0, os.geteuid()} if POSIX else set()


def _made(path: Path) -> int:
    """Open a file for writing: a new one, or else one of the user's own."""
    try:
        return os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_FLAGS, OWNER_ONLY
        )
    except FileExistsError:
        return _opened(path, os.O_WRONLY, OPEN_TO_OTHERS)


def _opened(path: Path, flags: int, forbidden: int) -> int:
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
    """Refuse what someone else made or may use, and what is no file."""
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

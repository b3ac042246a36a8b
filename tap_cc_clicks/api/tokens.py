"""The token store: refresh tokens that rotate are kept here before they are used.

Such a token is good for one use, and the answer to that use brings the next one. If
that is lost, a person has to sign in again: so it is on disk before anything is done
with it, and no two runs use one token at once.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout
from platformdirs import user_state_path

from tap_cc_clicks.api import files
from tap_cc_clicks.api.errors import InputError

VERSION = 1
# Longer than a refresh takes, with its time-out.
LOCK_SECONDS = 120
# Taken from the disk before the refresh: a full disk shows while nothing is lost.
RESERVED_BYTES = 16_384
DIGEST_DIGITS = 16
# The vendor ends a refresh token that was not used for so long.
UNUSED_DAYS = 180


class UnsafeStoreError(InputError):
    """Other users could read or replace the store; the message says what to do."""


class Tokens(msgspec.Struct, frozen=True):
    """What a refresh brought.

    Attributes:
        refresh_token: Good for the next refresh.
        access_token: Good until then.
        expires_at: When the access token ends, in seconds since 1970.
    """

    refresh_token: str
    access_token: str
    expires_at: float


class _File(Tokens, frozen=True, kw_only=True):
    """What the file holds: the tokens, and from which seed they came."""

    seed: str
    version: int = VERSION


class TokenStore:
    """One account's tokens on disk.

    Args:
        path: The file.
        seed: The digest of the credentials that a person set: the tokens of others are
            not looked at.
        required: Whether to refuse a refresh whose outcome could not be stored. If not,
            it is refused only once the file is there: the token is known to rotate.

    Attributes:
        cut_off: Whether a refresh was begun by a run that was killed in it, and none
            was answered since. Its mark, the reserved file, stays until then.
    """

    def __init__(self, path: Path, seed: str, *, required: bool) -> None:
        """Touch nothing yet."""
        self.cut_off = False
        self.path = path
        self._seed = seed
        self._required = required
        self._reserved = path.with_name(f"{path.name}.new")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TokenStore:
        """Return the store of the settings' account."""
        names = ("client_id", "refresh_token")
        told = msgspec.json.encode([config.get(name) for name in names])
        seed = hashlib.sha256(told).hexdigest()
        if config.get("token_store"):
            return cls(_expanded(config["token_store"]), seed, required=True)
        try:
            folder = user_state_path("tap-cc-clicks")
        except RuntimeError:
            # No home, as in a container: nothing can be written below this.
            folder = Path(os.devnull)
        name = f"{seed[:DIGEST_DIGITS]}.json"
        return cls(folder / name, seed, required=False)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Keep other runs from refreshing meanwhile, and make sure of the disk.

        Raises:
            UnsafeStoreError: Others may write there.
            InputError: Another run takes too long, or the store cannot be written.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(self._lock())
                self.cut_off = os.path.lexists(self._reserved)
                stack.callback(self._release)
                files.write(self._reserved, b" " * RESERVED_BYTES)
            except Timeout:
                message = (
                    f"The token store {self.path} has been locked by another run for "
                    f"{LOCK_SECONDS} seconds: run again when that one has ended"
                )
                raise InputError(message) from None
            except files.UnsafeError as error:
                raise UnsafeStoreError(self._unwritable(error)) from None
            except OSError as error:
                if self._required or self.path.exists():
                    raise InputError(self._unwritable(error)) from None
            yield

    def load(self) -> Tokens | None:
        """Return the newest tokens that came from this seed, if there are any.

        Raises:
            InputError: The file cannot be read.
        """
        try:
            file = msgspec.json.decode(files.read(self.path), type=_File)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, msgspec.DecodeError) as error:
            message = (
                f"The token store {self.path} cannot be read ({_reason(error)}): "
                "repair it, or delete it to start again from refresh_token"
            )
            raise InputError(message) from None
        return file if file.seed == self._seed else None

    def save(self, tokens: Tokens) -> None:
        """Put tokens in place of those there are, whole or not at all.

        Raises:
            InputError: It failed although there had been room.
        """
        file = _File(**msgspec.structs.asdict(tokens), seed=self._seed)
        try:
            files.write(self._reserved, msgspec.json.encode(file))
            files.move(self._reserved, self.path)
        except OSError as error:
            message = (
                f"{self._unwritable(error)}. The refresh token rotates and its "
                "successor is lost with this run: sign in again once the store works"
            )
            raise InputError(message) from None

    def last_used(self) -> float:
        """Return when the refresh token was used last: now if nothing was stored."""
        try:
            return self.path.stat().st_mtime
        except OSError:
            return time.time()

    def _lock(self) -> FileLock:
        """Return the lock, not yet held."""
        files.make_folder(self.path.parent)
        files.check_folder(self.path.parent)
        lock = self.path.with_name(f"{self.path.name}.lock")
        # Where it cannot be made, the lock itself would wait as for another run.
        files.touch(lock)
        return FileLock(lock, LOCK_SECONDS, mode=files.OWNER_ONLY)

    def _release(self) -> None:
        if not self.cut_off:
            with suppress(OSError):
                self._reserved.unlink()

    def _unwritable(self, error: OSError) -> str:
        return (
            f"The token store {self.path} cannot be written ({_reason(error)}): set "
            "token_store to a file that can be, and that stays between runs"
        )


def _expanded(path: str) -> Path:
    """Return the path of a setting.

    Raises:
        InputError: It begins with a home that the system does not know.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        message = "Setting token_store begins with ~, and there is no such home folder"
        raise InputError(message) from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__

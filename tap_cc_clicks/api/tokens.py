"""The token store: keeps rotating refresh tokens.

A rotating token can be used once; the response contains the next one. If that is lost,
a person has to sign in again. So it is written to disk before it is used, and no two
runs use one token at once.
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
# Longer than a refresh with its timeout.
LOCK_SECONDS = 120
# Reserved before the refresh, so that a full disk is found while nothing is lost.
RESERVED_BYTES = 16_384
DIGEST_DIGITS = 16
# A refresh token expires if it is not used for this long.
UNUSED_DAYS = 180


class UnsafeStoreError(InputError):
    """Other users could read or replace the store; the message says what to do."""


class Tokens(msgspec.Struct, frozen=True):
    """The result of a refresh.

    Attributes:
        expires_at: When the access token expires, in seconds since 1970.
    """

    refresh_token: str
    access_token: str
    expires_at: float


class _File(Tokens, frozen=True, kw_only=True):
    """The content of the file: tokens, and the seed they came from."""

    seed: str
    version: int = VERSION


class TokenStore:
    """The tokens of one account on disk.

    Args:
        path: The file.
        seed: The digest of the configured credentials; tokens of others are ignored.
        required: Whether to refuse a refresh whose result could not be stored. If not,
            it is refused only if the file exists: then the token is known to rotate.

    Attributes:
        cut_off: Whether a run was killed during a refresh, and none has succeeded
            since. Until then the reserved file marks it.
    """

    def __init__(self, path: Path, seed: str, *, required: bool) -> None:
        self.cut_off = False
        self.path = path
        self._seed = seed
        self._required = required
        self._reserved = path.with_name(f"{path.name}.new")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TokenStore:
        names = ("client_id", "refresh_token")
        credentials = msgspec.json.encode([config.get(name) for name in names])
        seed = hashlib.sha256(credentials).hexdigest()
        if config.get("token_store"):
            return cls(_expanded(config["token_store"]), seed, required=True)
        try:
            folder = user_state_path("tap-cc-clicks")
        except RuntimeError:
            # No home folder, as in some containers: a path that cannot be written.
            folder = Path(os.devnull)
        name = f"{seed[:DIGEST_DIGITS]}.json"
        return cls(folder / name, seed, required=False)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Lock the store against other runs, and reserve disk space.

        Raises:
            UnsafeStoreError: Other users may write there.
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
        """Return the newest tokens of this seed, if there are any.

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
        """Replace the stored tokens atomically.

        Raises:
            InputError: They cannot be written.
        """
        file = _File(**msgspec.structs.asdict(tokens), seed=self._seed)
        try:
            files.write(self._reserved, msgspec.json.encode(file))
            files.move(self._reserved, self.path)
        except OSError as error:
            message = (
                f"{self._unwritable(error)}. The refresh token rotates, and the next "
                "one is lost with this run: sign in again once the store works"
            )
            raise InputError(message) from None

    def last_used(self) -> float:
        """Return when the refresh token was last used; now if nothing is stored."""
        try:
            return self.path.stat().st_mtime
        except OSError:
            return time.time()

    def _lock(self) -> FileLock:
        files.make_folder(self.path.parent)
        files.check_folder(self.path.parent)
        lock = self.path.with_name(f"{self.path.name}.lock")
        # If it cannot be created, FileLock would wait as if another run held it.
        files.touch(lock)
        return FileLock(lock, LOCK_SECONDS, mode=files.OWNER_ONLY)

    def _release(self) -> None:
        if not self.cut_off:
            with suppress(OSError):
                self._reserved.unlink()

    def _unwritable(self, error: OSError) -> str:
        return (
            f"The token store {self.path} cannot be written ({_reason(error)}): set "
            "token_store to a writable file that persists between runs"
        )


def _expanded(path: str) -> Path:
    """Expand ``~`` in the setting.

    Raises:
        InputError: The home folder is unknown.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        message = "Setting token_store begins with ~, but the home folder is unknown"
        raise InputError(message) from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__

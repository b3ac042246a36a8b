"""Untrusted text, made safe for a log line or a terminal.

The service, files and the environment may contain line breaks, terminal escapes,
bidirectional marks, or megabytes.
"""

from __future__ import annotations

import re

LONGEST = 200
ELLIPSIS = "…"
# What RFC 6749 allows, without outer spaces. Other text cannot be sent in a header, and
# the error would show it.
VISIBLE = re.compile("[!-~]([ -~]*[!-~])?")
# Other encodings in the environment are read as surrogates.
NO_TEXT = re.compile("[\0\ud800-\udfff]")
KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:\-]{0,79}", re.ASCII)


def printable(value: object, longest: int = LONGEST) -> str:
    """Return a value as one short line of printable characters.

    White space becomes a single space; other unprintable characters are removed.

    Args:
        longest: The most characters to return.
    """
    # More than is shown, since unprintable characters are removed.
    text = str(value)[: 10 * longest]
    line = " ".join(text.split())
    shown = "".join(char for char in line if char.isprintable())
    if len(shown) <= longest:
        return shown
    return shown[: longest - 1] + ELLIPSIS


def is_key(value: object) -> bool:
    """Whether a value can be an error key: a short ASCII word."""
    return isinstance(value, str) and bool(KEY.fullmatch(value))


def is_token(value: object) -> bool:
    """Whether a value can be a credential: one line of ASCII (RFC 6749)."""
    return isinstance(value, str) and bool(VISIBLE.fullmatch(value))


def is_text(value: object) -> bool:
    """Whether a value can be sent, and name a file."""
    return not NO_TEXT.search(str(value))

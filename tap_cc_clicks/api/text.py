"""Foreign text, made safe for a log line or a terminal.

Whatever the service, a file or the environment says may hold line breaks, terminal
escapes, marks that turn the reading direction, or megabytes.
"""

from __future__ import annotations

import re

LONGEST = 200
ELLIPSIS = "…"
# What RFC 6749 allows, but for spaces around it. More would not fit into a header, and
# the error about that would show it.
VISIBLE = re.compile("[!-~]([ -~]*[!-~])?")
# What the environment holds in other encodings is read as surrogates.
NO_TEXT = re.compile("[\0\ud800-\udfff]")
KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:\-]{0,79}", re.ASCII)


def printable(value: object, longest: int = LONGEST) -> str:
    """Return a value as one short line of printable characters.

    White space becomes a single space. Control characters, escapes, bidirectional
    marks and what else Unicode calls unprintable are left out.

    Args:
        value: What is to be shown.
        longest: The most characters to return.
    """
    # Ten times as much as is shown: enough, even if most of it is left out.
    text = str(value)[: 10 * longest]
    line = " ".join(text.split())
    shown = "".join(char for char in line if char.isprintable())
    if len(shown) <= longest:
        return shown
    return shown[: longest - 1] + ELLIPSIS


def is_key(value: object) -> bool:
    """Tell whether a value can be an error key: a short word of ASCII."""
    return isinstance(value, str) and bool(KEY.fullmatch(value))


def is_token(value: object) -> bool:
    """Tell whether a value can be a credential: one line of ASCII (RFC 6749)."""
    return isinstance(value, str) and bool(VISIBLE.fullmatch(value))


def is_text(value: object) -> bool:
    """Tell whether a value can be sent, and name a file."""
    return not NO_TEXT.search(str(value))

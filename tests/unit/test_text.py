"""Untrusted text in log lines and terminals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_cc_clicks.api.text import ELLIPSIS, LONGEST, is_key, is_token, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is", "as it is"),
        ("Füße, 日本語, 🎉", "Füße, 日本語, 🎉"),
        ("one\nERROR two\r\nthree\u2028four\x85five", "one ERROR two three four five"),
        ("  tabs\tand \x0b\x0c spaces  ", "tabs and spaces"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07", "]0;title"),
        ("\x9b31m", "31m"),
        ("a\x00b\x08c\x7fd", "abcd"),
        ("abc\u202edef\u2066g\u200fh\u061ci", "abcdefghi"),
        ("\ufeffa\u200bb\u00adc", "abc"),
        ("\ud83d\ue000", ""),
        (None, "None"),
        (404, "404"),
    ],
)
def test_text_becomes_one_line_of_printable_characters(
    text: object, shown: str
) -> None:
    """Forged lines, escape sequences and bidirectional marks are removed."""
    assert printable(text) == shown


def test_text_is_shortened() -> None:
    """An ellipsis marks the missing part."""
    assert printable(LONGEST * "a") == LONGEST * "a"
    assert printable(10_000_000 * "a") == (LONGEST - 1) * "a" + ELLIPSIS
    assert printable("abcdef", 5) == "abcd" + ELLIPSIS
    assert len(printable(10_000_000 * "\x1b[31m a")) == LONGEST


@given(st.text(), st.integers(1, 50))
def test_any_text_is_made_safe(text: str, longest: int) -> None:
    """The result is one short, printable line; safe text is unchanged."""
    shown = printable(text, longest)
    assert len(shown) <= longest
    assert shown.isprintable()
    assert printable(shown, longest) == " ".join(shown.split())


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])))
def test_marks_and_control_characters_are_removed(text: str) -> None:
    """Only the spaces for white space remain."""
    assert not printable(text).strip()


@pytest.mark.parametrize(
    "value", ["contacts.api.not_found", "quota_exceeded", "A-1:b", "0", 80 * "a"]
)
def test_a_short_word_is_a_key(value: object) -> None:
    """The vendor's errors have such keys."""
    assert is_key(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".a",
        "two words",
        "a\n",
        "\x1b[31m",
        "é",
        "\uff11",
        81 * "a",
        "a@b",
        7,
        None,
        [],
    ],
)
def test_other_values_are_not_keys(value: object) -> None:
    """They are not shown."""
    assert not is_key(value)


@pytest.mark.parametrize("value", ["a", "a.b-c_d~e+f/g==", "two words", "!", "~ ~"])
def test_one_line_of_ascii_is_a_token(value: object) -> None:
    """RFC 6749 defines the characters."""
    assert is_token(value)


@pytest.mark.parametrize(
    "value", ["", " a", "a ", "a\n", "\na", "a\r\nX: y", "a\tb", "é", "a\x00", 7, None]
)
def test_values_that_headers_cannot_carry_are_not_tokens(value: object) -> None:
    """A line break would add a header, and the error about it would show the secret."""
    assert not is_token(value)

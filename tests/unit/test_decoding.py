"""Decoding JSON within bounds, into text that every loader can store."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_cc_clicks.api.decoding import ANYTHING, MOST_VALUES, decode
from tap_cc_clicks.events.declaration import CLICKS


@given(st.text())
def test_decoded_text_can_be_stored_by_any_loader(text: str) -> None:
    """No NUL and no lone surrogate, and everything else as it was."""
    decoded = decode(json.dumps({"text": text}).encode())["text"]
    decoded.encode("utf-8")
    assert "\x00" not in decoded
    assert len(decoded) == len(text)
    assert all(new in (old, "\ufffd") for old, new in zip(text, decoded, strict=True))


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b'{"a": "\\ud83d"', b"\xff"])
def test_invalid_json_is_a_value_error(content: bytes) -> None:
    """In whatever way it is broken."""
    with pytest.raises(ValueError, match=r".*"):
        decode(content)


@pytest.mark.parametrize(
    "content",
    [b"[" * MOST_VALUES, b'{"a":' * MOST_VALUES, b'["\\ud83d",' + b"[" * 90_000],
    ids=["lists", "objects", "the other decoder"],
)
def test_unclosed_nesting_is_a_value_error(content: bytes) -> None:
    """Not a RecursionError."""
    with pytest.raises(ValueError, match=r".+"):
        decode(content)


@pytest.mark.parametrize("text", ["b", "\\ud83d", "]}[{", '\\"]'])
@pytest.mark.parametrize("depth", [30, 40_000])
@pytest.mark.parametrize("decoder", [ANYTHING, CLICKS.form.decoder])
def test_deeply_nested_values_become_null(
    text: str, depth: int, decoder: msgspec.json.Decoder[Any]
) -> None:
    """Up to twenty levels are kept; other values are read."""
    deep = "[" * depth + "]" * depth
    row = f'{{"created_time":{deep},"device_type":"{text}"}}'
    page = decode(f'{{"tracking_activities":[{row},{row}]}}'.encode(), decoder)
    for found in page["tracking_activities"]:
        assert len(json.dumps(found)) < 100
        assert found["device_type"] == decode(f'"{text}"'.encode())


def test_deep_nesting_in_an_unknown_property_is_ignored() -> None:
    """Its row is read as the others are."""
    deep = "[" * 40_000 + "]" * 40_000
    content = f'{{"tracking_activities":[{{"new":{deep}}}]}}'.encode()
    (row,) = decode(content, CLICKS.form.decoder)["tracking_activities"]
    assert len(json.dumps(row)) < 100


def test_an_unterminated_string_is_scanned_once() -> None:
    """Otherwise it would take hours."""
    with pytest.raises(ValueError, match=r".+"):
        decode(b"[" * 21 + b'"' + b'\\"' * 2_000_000)


@pytest.mark.parametrize("value", [b"0", b"[]", b"{}", b'"",""', b'{"a":0}'])
def test_too_many_values_are_refused(value: bytes) -> None:
    """A body of 5 MB could become hundreds in memory."""
    with pytest.raises(ValueError, match="more values than any response"):
        decode(b"[" + b",".join([value] * (MOST_VALUES + 1)) + b"]")


def test_the_largest_allowed_number_of_values_is_decoded() -> None:
    """The bound itself is no error."""
    content = b"[" + b",".join([b"0"] * MOST_VALUES) + b"]"
    assert len(decode(content)) == MOST_VALUES


@pytest.mark.parametrize("filling", [",", "[{,", '",', "\\\\,"])
def test_separators_within_strings_are_not_counted(filling: str) -> None:
    """For example in a full page of very long links with commas."""
    link = filling * (8192 // len(filling))
    row = {"created_time": "2026-01-31T00:00:00.000Z", "link_url": link}
    body = json.dumps({"tracking_activities": 500 * [row]}).encode()
    page = decode(body, CLICKS.form.decoder)
    assert [row.link_url for row in page.tracking_activities] == 500 * [link]


FIRST_ANSWERS = """
import sys
from tap_cc_clicks.api.decoding import decode
from tap_cc_clicks.api.pages import next_link
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.declaration import CLICKS
called = []
sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name))
page = b'{"tracking_activities": [{}], "_links": {"next": {}}}'
next_link(decode(page, CLICKS.form.decoder))
next_link({"_links": {"next": {}}})
Bookmark.from_partition({})
sys.setprofile(None)
print("get_class_annotations" in called)
"""


def test_structs_are_set_up_at_import() -> None:
    """Two threads that decoded at once used to crash the interpreter."""
    told = subprocess.check_output([sys.executable, "-c", FIRST_ANSWERS], text=True)
    assert told == "False\n"

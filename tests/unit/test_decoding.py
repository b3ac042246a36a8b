"""JSON is decoded within bounds, into text that every loader can store."""

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
    """NUL and lone surrogates are replaced; all other characters are unchanged."""
    decoded = decode(json.dumps({"text": text}).encode())["text"]
    decoded.encode("utf-8")
    assert "\x00" not in decoded
    assert len(decoded) == len(text)
    assert all(new in (old, "\ufffd") for old, new in zip(text, decoded, strict=True))


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b'{"a": "\\ud83d"', b"\xff"])
def test_invalid_json_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode(content)


@pytest.mark.parametrize(
    "content",
    [b"[" * MOST_VALUES, b'{"a":' * MOST_VALUES, b'["\\ud83d",' + b"[" * 90_000],
    ids=["lists", "objects", "the other decoder"],
)
def test_unclosed_nesting_is_a_value_error(content: bytes) -> None:
    """It is not a RecursionError, which callers do not catch."""
    with pytest.raises(ValueError, match=r".+"):
        decode(content)


@pytest.mark.parametrize("text", ["b", "\\ud83d", "]}[{", '\\"]'])
@pytest.mark.parametrize("depth", [30, 40_000])
@pytest.mark.parametrize("decoder", [ANYTHING, CLICKS.form.decoder])
def test_a_value_that_is_nested_too_deeply_is_null(
    text: str, depth: int, decoder: msgspec.json.Decoder[Any]
) -> None:
    """At most twenty levels are kept, and the values beside it are read."""
    deep = "[" * depth + "]" * depth
    row = f'{{"created_time":{deep},"device_type":"{text}"}}'
    page = decode(f'{{"tracking_activities":[{row},{row}]}}'.encode(), decoder)
    for found in page["tracking_activities"]:
        assert len(json.dumps(found)) < 100
        assert found["device_type"] == decode(f'"{text}"'.encode())


def test_an_unused_value_nested_too_deeply_does_not_affect_its_row() -> None:
    """The row is read like any other."""
    deep = "[" * 40_000 + "]" * 40_000
    content = f'{{"tracking_activities":[{{"new":{deep}}}]}}'.encode()
    (row,) = decode(content, CLICKS.form.decoder)["tracking_activities"]
    assert len(json.dumps(row)) < 100


def test_an_unclosed_string_is_scanned_once() -> None:
    """Scanning it once for each quotation mark would take hours."""
    with pytest.raises(ValueError, match=r".+"):
        decode(b"[" * 21 + b'"' + b'\\"' * 2_000_000)


@pytest.mark.parametrize("value", [b"0", b"[]", b"{}", b'"",""', b'{"a":0}'])
def test_too_many_values_are_refused(value: bytes) -> None:
    """A body of five megabytes could take hundreds in memory."""
    with pytest.raises(ValueError, match="more values than any response"):
        decode(b"[" + b",".join([value] * (MOST_VALUES + 1)) + b"]")


def test_the_largest_number_of_values_is_decoded() -> None:
    """The limit itself is allowed."""
    content = b"[" + b",".join([b"0"] * MOST_VALUES) + b"]"
    assert len(decode(content)) == MOST_VALUES


@pytest.mark.parametrize("filling", [",", "[{,", '",', "\\\\,"])
def test_punctuation_within_strings_is_not_counted(filling: str) -> None:
    """A full page of the longest possible links, full of commas, is decoded."""
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


def test_structs_are_set_up_before_threads_use_them() -> None:
    """Two threads decoding their first answers used to crash the interpreter."""
    printed = subprocess.check_output([sys.executable, "-c", FIRST_ANSWERS], text=True)
    assert printed == "False\n"

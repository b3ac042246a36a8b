"""Responses in the form of a recording of ``cc-clicks check --record``.

The values are the simulator's. Types, spellings, properties, forms of times and links,
and errors are those of the recording.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from tap_cc_clicks.sandbox.api import Reply, answer, error
from tap_cc_clicks.sandbox.dialects import (
    NO_STATS,
    NOT_FOUND,
    OK,
    dotted,
    null_links,
    offset_links,
    other_roles,
    spoken,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_cc_clicks.sandbox.dialects import Change

VERSION = 1
OTHER = "(other)"
LINKS = "_links"
RECORDED = "sandbox.recorded"
# The recorded format of known roles.
ROLE = "role"
TIME = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+Z)?")
ZONE = re.compile(r"(Z|[+-][9:]+)?$")
# Values of properties that the simulator does not know.
SAMPLES = {"boolean": False, "integer": 0, "number": 0.0}
TEXTS = {
    "empty": "",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "digits": "0",
    "number": "0.0",
}


class RecordingError(ValueError):
    """A file cannot be used as a recording; the message says why."""


class Shape(msgspec.Struct):
    """The form of the values in one place of a response."""

    absent: float = 0.0
    kinds: dict[str, float] = {}
    formats: dict[str, float] = {}
    properties: dict[str, Shape] = {}
    items: Shape | None = None

    @property
    def kind(self) -> str:
        """The most frequent type; null only if there is no other."""
        kinds = self.kinds
        return max(kinds, key=lambda one: (one != "null", kinds[one]), default="null")

    @property
    def format(self) -> str:
        """The most frequent format of texts."""
        return max(self.formats, key=lambda one: self.formats[one], default="text")

    def within(self, name: str) -> Shape:
        """Return the form of a property."""
        return self.properties.get(name) or Shape()


class Link(msgspec.Struct):
    """The form of a next link."""

    query: list[str] = []


class Answered(msgspec.Struct):
    """The form of the responses with one status."""

    body: Shape = msgspec.field(default_factory=Shape)
    links: list[Link] = []


class Head(msgspec.Struct):
    """The part that recordings of all versions have."""

    format: Literal["cc-clicks recording"]
    version: Annotated[int, msgspec.Meta(ge=1)]


Status = Annotated[int, msgspec.Meta(ge=200, le=599)]


class Recording(Head):
    """A recording, by endpoint and status."""

    endpoints: dict[str, dict[Status, Answered]]

    def spoken(
        self, endpoint: str, handler: Callable[[Mapping[str, str]], Reply]
    ) -> Callable[[Mapping[str, str]], Reply]:
        """Wrap a handler so that it responds in the recorded form."""
        answered = self.endpoints.get(endpoint)
        if not answered:
            return handler
        status = OK if OK in answered else min(answered)
        if status != OK or answered[OK].body.kind != "object":
            refusal = _refusal(endpoint, status, answered[status])
            return lambda _: refusal
        return spoken(_changes(answered[OK]), endpoint, handler)


def read_recording(path: str) -> Recording:
    """Return the recording in a file.

    Raises:
        RecordingError: It is not a recording, is of a newer version, or cannot be read.
    """
    try:
        content = Path(path).read_bytes()
        version = msgspec.json.decode(content, type=Head).version
        if version > VERSION:
            message = (
                f"{path} is a recording of version {version}, and this release knows "
                f"{VERSION}: install a newer one"
            )
            raise RecordingError(message)
        return msgspec.json.decode(content, type=Recording)
    except OSError as reason:
        message = f"{path} cannot be read: {reason.strerror}"
    except (msgspec.DecodeError, RecursionError):
        message = f"{path} is no recording that cc-clicks check --record wrote"
    raise RecordingError(message)


def _refusal(endpoint: str, status: int, answered: Answered) -> Reply:
    """Return an error of the recorded status and kind."""
    if answered.body.kind == "array":
        return error(status, RECORDED)
    if answered.body.kind == "object":
        none = endpoint == "stats" and status == NOT_FOUND
        return answer(NO_STATS if none else {"error_key": RECORDED}, status)
    return Reply(status, b"<html></html>")


def _changes(answered: Answered) -> tuple[Change, ...]:
    def shape(_: str, body: dict[str, Any]) -> None:
        shaped = _object(answered.body, body)
        body.clear()
        body.update(shaped)

    changes: list[Change] = [shape]
    if any("next" in link.query for link in answered.links):
        changes.append(offset_links)
    links = answered.body.within("_links")
    following = links.within("next")
    if any("null" in one.kinds for one in (links, following, following.within("href"))):
        changes.append(null_links)
    activities = answered.body.within("campaign_activities").items or Shape()
    if activities.within("role").formats.keys() - {ROLE}:
        changes.append(other_roles)
    return tuple(changes)


def _shaped(shape: Shape, value: Any) -> Any:
    """Return a value of the simulator in the recorded form."""
    items = shape.items or Shape()
    if shape.kind == "null":
        return value if not shape.kinds else None
    if isinstance(value, list):
        if shape.kind == "array":
            return [_shaped(items, one) for one in value]
        value = value[0] if value else {}
    elif shape.kind == "array":
        return [_shaped(items, value)]
    if isinstance(value, dict):
        return _object(shape, value)
    return _scalar(shape, value)


def _object(shape: Shape, value: dict[str, Any]) -> dict[str, Any]:
    known = shape.properties
    named = {
        name if name in known else dotted(name): one for name, one in value.items()
    }
    kept = {
        name: _shaped(known[name], one) for name, one in named.items() if name in known
    }
    # Only properties that all recorded rows had.
    everywhere = {name for name, one in known.items() if not one.absent}
    unknown = everywhere - named.keys() - {LINKS, OTHER}
    links = {LINKS: value[LINKS]} if LINKS in value else {}
    return {**kept, **{name: _sample(known[name]) for name in unknown}, **links}


def _scalar(shape: Shape, value: Any) -> Any:
    if shape.kind == "string":
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        form = shape.format
        return (
            _retimed(text, form)
            if TIME.fullmatch(text) and form[:4] == "9999"
            else text
        )
    if shape.kind in {"integer", "number"} and isinstance(value, str):
        return int(value) if value.isdecimal() else 0
    return value


def _retimed(text: str, form: str) -> str:
    """Return a timestamp in a recorded form, which has a 9 for each digit."""
    zone = ZONE.search(form, len("9999-99-99"))
    tail = zone.group() if zone else ""
    head = len(form) - len(tail)
    when = datetime.fromisoformat(text).replace(tzinfo=None)
    digits = when.isoformat(form[10:11] or "T", "microseconds")
    return digits[:head] + tail.replace("9", "0")


def _sample(shape: Shape) -> Any:
    """Return a value for a property that the simulator does not know."""
    if shape.kind == "object":
        return {name: _sample(one) for name, one in shape.properties.items()}
    if shape.kind == "array":
        return [_sample(shape.items)] if shape.items else []
    form = shape.format
    if form.startswith("9999"):
        return _retimed("2026-11-01T08:00:00.000Z", form)
    if shape.kind == "string":
        return TEXTS.get(form, "made up")
    return SAMPLES.get(shape.kind)

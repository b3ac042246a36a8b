"""Responses in the format of a recording by ``cc-clicks check --record``.

The values are the simulator's. Types, names, properties, formats of times and links,
and errors are the recording's.
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
# The format of the roles known to the tap.
ROLE = "role"
TIME = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+Z)?")
ZONE = re.compile(r"(Z|[+-][9:]+)?$")
# Values for properties unknown to the simulator.
SAMPLES = {"boolean": False, "integer": 0, "number": 0.0}
TEXTS = {
    "empty": "",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "digits": "0",
    "number": "0.0",
}


class RecordingError(ValueError):
    """A file is not a valid recording; the message states the reason."""


class Shape(msgspec.Struct):
    """The recorded format of a value, as far as the simulator imitates it."""

    absent: float = 0.0
    kinds: dict[str, float] = {}
    formats: dict[str, float] = {}
    properties: dict[str, Shape] = {}
    items: Shape | None = None

    @property
    def kind(self) -> str:
        """The most frequent kind of value; null only if there is no other."""
        kinds = self.kinds
        return max(
            kinds, key=lambda kind: (kind != "null", kinds[kind]), default="null"
        )

    @property
    def format(self) -> str:
        """The most frequent format of a string."""
        return max(self.formats, key=lambda name: self.formats[name], default="text")

    def within(self, name: str) -> Shape:
        """Return a property's shape, empty if it was not recorded."""
        return self.properties.get(name) or Shape()


class Link(msgspec.Struct):
    """The recorded parameters of a next link."""

    query: list[str] = []


class Answered(msgspec.Struct):
    """The recorded format of responses with one status."""

    body: Shape = msgspec.field(default_factory=Shape)
    links: list[Link] = []


class Head(msgspec.Struct):
    """The fields of recordings of every version."""

    format: Literal["cc-clicks recording"]
    version: Annotated[int, msgspec.Meta(ge=1)]


Status = Annotated[int, msgspec.Meta(ge=200, le=599)]


class Recording(Head):
    """A recording, by endpoint and status."""

    endpoints: dict[str, dict[Status, Answered]]

    def spoken(
        self, endpoint: str, handler: Callable[[Mapping[str, str]], Reply]
    ) -> Callable[[Mapping[str, str]], Reply]:
        """Return a handler that formats another handler's responses as recorded."""
        answered = self.endpoints.get(endpoint)
        if not answered:
            return handler
        status = OK if OK in answered else min(answered)
        if status != OK or answered[OK].body.kind != "object":
            refusal = _refusal(endpoint, status, answered[status])
            return lambda _: refusal
        return spoken(_changes(answered[OK]), endpoint, handler)


def read_recording(path: str) -> Recording:
    """Read a recording.

    Raises:
        RecordingError: The file is not a recording, is of a newer version, or cannot
            be read.
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
    """Return an error response of the recorded status and kind."""
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
    places = (links, following, following.within("href"))
    if any("null" in place.kinds for place in places):
        changes.append(null_links)
    activities = answered.body.within("campaign_activities").items or Shape()
    if activities.within("role").formats.keys() - {ROLE}:
        changes.append(other_roles)
    return tuple(changes)


def _shaped(shape: Shape, value: Any) -> Any:
    """Convert a value to the recorded format."""
    items = shape.items or Shape()
    if shape.kind == "null":
        return value if not shape.kinds else None
    if isinstance(value, list):
        if shape.kind == "array":
            return [_shaped(items, item) for item in value]
        value = value[0] if value else {}
    elif shape.kind == "array":
        return [_shaped(items, value)]
    if isinstance(value, dict):
        return _object(shape, value)
    return _scalar(shape, value)


def _object(shape: Shape, value: dict[str, Any]) -> dict[str, Any]:
    shapes = shape.properties
    named = {name if name in shapes else dotted(name): value[name] for name in value}
    kept = {
        name: _shaped(shapes[name], value)
        for name, value in named.items()
        if name in shapes
    }
    # Add only properties that every row had: optional ones may be absent here.
    required = {name for name, child in shapes.items() if not child.absent}
    unknown = required - named.keys() - {LINKS, OTHER}
    links = {LINKS: value[LINKS]} if LINKS in value else {}
    return {**kept, **{name: _sample(shapes[name]) for name in unknown}, **links}


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
    """Convert a timestamp to a recorded format, in which 9 stands for any digit."""
    zone = ZONE.search(form, len("9999-99-99"))
    tail = zone.group() if zone else ""
    head = len(form) - len(tail)
    when = datetime.fromisoformat(text).replace(tzinfo=None)
    digits = when.isoformat(form[10:11] or "T", "microseconds")
    return digits[:head] + tail.replace("9", "0")


def _sample(shape: Shape) -> Any:
    """Return a value for a property unknown to the simulator."""
    if shape.kind == "object":
        return {name: _sample(child) for name, child in shape.properties.items()}
    if shape.kind == "array":
        return [_sample(shape.items)] if shape.items else []
    form = shape.format
    if form.startswith("9999"):
        return _retimed("2026-11-01T08:00:00.000Z", form)
    if shape.kind == "string":
        return TEXTS.get(form, "made up")
    return SAMPLES.get(shape.kind)

"""Record the format of the service's responses, but none of their values.

A recording holds names of properties and headers, kinds, formats, shares and rough
lengths: enough for ``cc-clicks sandbox --like`` to respond in the same format.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from singer_sdk.exceptions import FatalAPIError
from typing_extensions import override

from tap_cc_clicks.api import files
from tap_cc_clicks.api.client import Client, Form
from tap_cc_clicks.api.decoding import decode
from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.api.pages import next_link
from tap_cc_clicks.api.transport import Response
from tap_cc_clicks.api.urls import path_of
from tap_cc_clicks.api.wire import ROLES

FORMAT = "cc-clicks recording"
VERSION = 1
# Regular expressions for the ends of paths.
ENDPOINTS = {
    "account": "/account/summary",
    "campaigns": "/emails",
    "campaign": "/emails/[^/]+",
    "summaries": "/email_campaign_summaries",
    "stats": "/stats/email_campaign_activities/[^/]+",
    "clicks": "/tracking/clicks",
}
KINDS = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
TIME = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?",
    re.ASCII,
)
FORMATS = {
    "empty": re.compile(""),
    "uuid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "digits": re.compile(r"\d+", re.ASCII),
    "number": re.compile(r"[+-]?\d+\.\d+", re.ASCII),
    "role": re.compile("|".join(sorted(ROLES))),
    "address": re.compile(r"\S+@\S+"),
    "url": re.compile(r"[a-z]+://\S*"),
    "path": re.compile(r"/\S*"),
}
# The API's style of property names. Any other name may contain data.
NAME = re.compile(
    r"_?[a-z]{1,24}(_[a-z]{1,24}){0,5}|em_[a-z]{1,24}(\.[a-z]{1,24}){1,3}"
)
HEADER = re.compile("[a-z]{1,24}(-[a-z]{1,24}){0,5}")
OTHER = "(other)"
MOST_NAMES = 100
# Longer text is not matched with the formats: that could take too long.
LONGEST = 2000


class Witness(Client):
    """A client that keeps all responses, for a few requests."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.responses: list[Response] = []

    @override
    def attempt(self, url: str, params: Mapping[str, Any] | None, form: Form) -> Any:
        before = self.response
        try:
            return super().attempt(url, params, form)
        finally:
            if self.response is not None and self.response is not before:
                self.responses.append(self.response)


@dataclass
class Shape:
    """The format of the values at one place in the responses."""

    kinds: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    lengths: set[int] = field(default_factory=set)
    properties: dict[str, Shape] = field(default_factory=dict)
    items: list[Shape] = field(default_factory=list)

    def see(self, value: Any) -> None:
        """Add a value."""
        self.kinds[KINDS[type(value)]] += 1
        if isinstance(value, str):
            self.formats[form_of(value)] += 1
        if isinstance(value, str | list):
            # Rounded up to a power of two: exact lengths could identify a value.
            self.lengths.add(1 << len(value).bit_length() if value else 0)
        if isinstance(value, list):
            self.items = self.items or [Shape()]
            for item in value:
                self.items[0].see(item)
        if isinstance(value, dict):
            for name, item in value.items():
                self._property(name).see(item)

    def _property(self, name: str) -> Shape:
        known = NAME.fullmatch(name) and len(self.properties) < MOST_NAMES
        return self.properties.setdefault(name if known else OTHER, Shape())

    def times(self, name: str = "") -> dict[str, set[str]]:
        """Return the formats of times, each with the properties that have it."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for form in self.formats:
            if form.startswith("9999"):
                found[form].add(name)
        within = [*self.properties.items(), *((name, item) for item in self.items)]
        for part, shape in within:
            for form, names in shape.times(part).items():
                found[form] |= names
        return found

    def described(self, among: int) -> dict[str, Any]:
        """Return the shape as JSON.

        Args:
            among: The number of places for a value, present or absent.
        """
        seen, strings = self.kinds.total(), self.kinds["string"]
        objects = self.kinds["object"]
        described = {
            "absent": _share(max(0, among - seen), among),
            "kinds": {kind: _share(n, seen) for kind, n in self.kinds.items()},
            "formats": {form: _share(n, strings) for form, n in self.formats.items()},
            "lengths": [min(self.lengths), max(self.lengths)] if self.lengths else [],
            "properties": {
                name: shape.described(objects)
                for name, shape in self.properties.items()
            },
            "items": next(
                (item.described(item.kinds.total()) for item in self.items), {}
            ),
        }
        return {name: value for name, value in described.items() if value}


def form_of(text: str) -> str:
    """Return the format of a string; for a time, the string with 9 for each digit."""
    if len(text) > LONGEST:
        return "text"
    if TIME.fullmatch(text):
        with suppress(ValueError):
            datetime.fromisoformat(text)
            return re.sub(r"\d", "9", text)
    found = (name for name, pattern in FORMATS.items() if pattern.fullmatch(text))
    return next(found, "text")


def link_form(href: str) -> dict[str, Any]:
    """Return the format of a next link: its kind and the names in its query."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return {"kind": "malformed", "query": []}
    kind = "absolute" if parts.netloc else "relative"
    names = {_named(name, NAME) for name, _ in parse_qsl(parts.query)}
    return {"kind": kind, "query": sorted(names)}


def recording(responses: Iterable[Response]) -> dict[str, Any]:
    """Return the format of responses by endpoint and status."""
    groups = defaultdict(list)
    for response in responses:
        groups[endpoint_of(response.url), str(response.status)].append(response)
    endpoints: dict[str, dict[str, Any]] = {}
    for (endpoint, status), group in groups.items():
        endpoints.setdefault(endpoint, {})[status] = _described(group)
    head = {"format": FORMAT, "version": VERSION, "tap": version("tap-cc-clicks")}
    return {**head, "endpoints": endpoints}


def endpoint_of(url: str) -> str:
    """Return the name of a URL's endpoint."""
    path = path_of(url)
    found = (name for name, end in ENDPOINTS.items() if re.search(f"{end}$", path))
    return next(found, OTHER)


def body_of(response: Response) -> Any:
    """Return the decoded body of a response; None if it is not JSON."""
    with suppress(ValueError):
        return decode(response.body)
    return None


def links_of(responses: Iterable[Response]) -> list[dict[str, Any]]:
    """Return the distinct formats of next links."""
    forms = []
    for response in responses:
        with suppress(FatalAPIError):
            link = next_link(body_of(response))
            forms += [link_form(link)] if link else []
    return [form for place, form in enumerate(forms) if form not in forms[:place]]


def shape_of(bodies: Iterable[Any]) -> Shape:
    """Return the format of bodies."""
    shape = Shape()
    for body in bodies:
        shape.see(body)
    return shape


def write_recording(path: Path, responses: Iterable[Response]) -> None:
    """Write a recording of responses to a private file.

    Raises:
        InputError: The file cannot be written.
    """
    content = msgspec.json.encode(recording(responses))
    try:
        files.replace(path, msgspec.json.format(content, indent=2) + b"\n")
    except OSError as error:
        message = f"The recording {path} cannot be written: {error.strerror}"
        raise InputError(message) from None


def _described(responses: list[Response]) -> dict[str, Any]:
    headers = {
        _named(name.lower(), HEADER)
        for response in responses
        for name in response.headers
    }
    bodies = [body for body in map(body_of, responses) if body is not None]
    return {
        "answers": len(responses),
        "json": len(bodies),
        "headers": sorted(headers),
        "links": links_of(responses),
        "body": shape_of(bodies).described(len(bodies)),
    }


def _named(name: str, pattern: re.Pattern[str]) -> str:
    return name if pattern.fullmatch(name) else OTHER


def _share(part: int, whole: int) -> float:
    """Return a share in hundredths; at least 0.01 unless it is 0."""
    return max(0.01, round(part / whole, 2)) if part else 0.0

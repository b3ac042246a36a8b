"""A recording of the form of the service's responses, without their content.

A recording holds names of properties and headers, kinds, formats, shares and rough
lengths: enough for ``cc-clicks sandbox --like`` to answer in the same form, and nothing
of the account's. No value of an answer ever gets into it.
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
# By the ends of their paths, without ids.
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
# Names as the API has them. Other names could be content.
NAME = re.compile(
    r"_?[a-z]{1,24}(_[a-z]{1,24}){0,5}|em_[a-z]{1,24}(\.[a-z]{1,24}){1,3}"
)
HEADER = re.compile("[a-z]{1,24}(-[a-z]{1,24}){0,5}")
OTHER = "(other)"
MOST_NAMES = 100
# Longer texts have none of the formats, and take the patterns long.
LONGEST = 2000


class Witness(Client):
    """A client that keeps all responses, for commands with few requests."""

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
    """The form of the values in one place of the responses."""

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
            # Rounded up to a power of two: an exact length could identify a value.
            self.lengths.add(1 << len(value).bit_length() if value else 0)
        if isinstance(value, list):
            self.items = self.items or [Shape()]
            for one in value:
                self.items[0].see(one)
        if isinstance(value, dict):
            for name, one in value.items():
                self._property(name).see(one)

    def _property(self, name: str) -> Shape:
        known = NAME.fullmatch(name) and len(self.properties) < MOST_NAMES
        return self.properties.setdefault(name if known else OTHER, Shape())

    def times(self, name: str = "") -> dict[str, set[str]]:
        """Return the forms of timestamps, and their properties."""
        told: defaultdict[str, set[str]] = defaultdict(set)
        for form in self.formats:
            if form.startswith("9999"):
                told[form].add(name)
        within = [*self.properties.items(), *((name, one) for one in self.items)]
        for part, shape in within:
            for form, names in shape.times(part).items():
                told[form] |= names
        return told

    def to_json(self, among: int) -> dict[str, Any]:
        """Return the form as JSON.

        Args:
            among: How many values there could be.
        """
        seen = self.kinds.total()
        objects = self.kinds["object"]
        told = {
            "absent": _share(max(0, among - seen), among),
            "kinds": {one: _share(n, seen) for one, n in self.kinds.items()},
            "formats": {
                one: _share(n, self.kinds["string"]) for one, n in self.formats.items()
            },
            "lengths": [min(self.lengths), max(self.lengths)] if self.lengths else [],
            "properties": {
                name: one.to_json(objects) for name, one in self.properties.items()
            },
            "items": next((one.to_json(one.kinds.total()) for one in self.items), {}),
        }
        return {name: value for name, value in told.items() if value}


def form_of(text: str) -> str:
    """Return the format of a text: of a time, with 9 for each digit."""
    if len(text) > LONGEST:
        return "text"
    if TIME.fullmatch(text):
        with suppress(ValueError):
            datetime.fromisoformat(text)
            return re.sub(r"\d", "9", text)
    found = (name for name, pattern in FORMATS.items() if pattern.fullmatch(text))
    return next(found, "text")


def link_form(href: str) -> dict[str, Any]:
    """Return the form of a next link: its kind, and the names in its query."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return {"kind": "malformed", "query": []}
    kind = "absolute" if parts.netloc else "relative"
    names = {_named(name, NAME) for name, _ in parse_qsl(parts.query)}
    return {"kind": kind, "query": sorted(names)}


def recording(responses: Iterable[Response]) -> dict[str, Any]:
    """Return the form of responses, by endpoint and status."""
    groups = defaultdict(list)
    for response in responses:
        groups[endpoint_of(response.url), str(response.status)].append(response)
    endpoints: dict[str, dict[str, Any]] = {}
    for (endpoint, status), group in groups.items():
        endpoints.setdefault(endpoint, {})[status] = _described(group)
    told = {"format": FORMAT, "version": VERSION, "tap": version("tap-cc-clicks")}
    return {**told, "endpoints": endpoints}


def endpoint_of(url: str) -> str:
    """Return the name of the requested endpoint."""
    path = path_of(url)
    found = (name for name, end in ENDPOINTS.items() if re.search(f"{end}$", path))
    return next(found, OTHER)


def body_of(response: Response) -> Any:
    """Return a response body as plain values; None if it is not JSON."""
    with suppress(ValueError):
        return decode(response.body)
    return None


def links_of(responses: Iterable[Response]) -> list[dict[str, Any]]:
    """Return the distinct forms of next links."""
    forms = []
    for response in responses:
        with suppress(FatalAPIError):
            link = next_link(body_of(response))
            forms += [link_form(link)] if link else []
    return [form for place, form in enumerate(forms) if form not in forms[:place]]


def shape_of(bodies: Iterable[Any]) -> Shape:
    """Return the form of response bodies."""
    shape = Shape()
    for body in bodies:
        shape.see(body)
    return shape


def write_recording(path: Path, responses: Iterable[Response]) -> None:
    """Write the form of responses to a private file.

    Raises:
        InputError: It cannot be written.
    """
    content = msgspec.json.encode(recording(responses))
    try:
        files.replace(path, msgspec.json.format(content, indent=2) + b"\n")
    except OSError as error:
        message = f"The recording {path} cannot be written: {error.strerror}"
        raise InputError(message) from None


def _described(responses: list[Response]) -> dict[str, Any]:
    headers = {
        _named(name.lower(), HEADER) for one in responses for name in one.headers
    }
    bodies = [body for one in responses if (body := body_of(one)) is not None]
    return {
        "answers": len(responses),
        "json": len(bodies),
        "headers": sorted(headers),
        "links": links_of(responses),
        "body": shape_of(bodies).to_json(len(bodies)),
    }


def _named(name: str, pattern: re.Pattern[str]) -> str:
    return name if pattern.fullmatch(name) else OTHER


def _share(part: int, whole: int) -> float:
    """Return a share in hundredths; a positive share is never rounded to 0."""
    return max(0.01, round(part / whole, 2)) if part else 0.0

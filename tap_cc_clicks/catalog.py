"""A catalog and stream maps, checked before the first request."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

import msgspec
from msgspec import Struct
from singer_sdk.mapper import MAPPER_ELSE_OPTION, MAPPER_SOURCE_OPTION, NULL_STRING
from singer_sdk.singerlib.catalog import (
    REPLICATION_FULL_TABLE,
    REPLICATION_INCREMENTAL,
    CatalogEntry,
)
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.api.text import printable

logger = logging.getLogger("tap-cc-clicks")
SCHEMAS = DEFAULT_JSONSCHEMA_VALIDATOR(DEFAULT_JSONSCHEMA_VALIDATOR.META_SCHEMA)
METHODS = (None, "", REPLICATION_INCREMENTAL, REPLICATION_FULL_TABLE)
# Columns of campaign_activities in 0.1.0 that are in another stream now.
MOVED = frozenset(
    {
        *("current_status", "format_type", "subject", "preheader", "template_id"),
        *("from_name", "from_email", "reply_to_email", "permalink_url"),
        *("contact_list_ids", "segment_ids"),
    }
)


class _Selection(Struct, rename="kebab"):
    selected: bool | None = None
    selected_by_default: bool | None = None
    inclusion: str | None = None
    table_key_properties: list[str] | None = None
    replication_key: str | None = None
    forced_replication_method: str | None = None


class _Metadata(Struct):
    breadcrumb: list[str]
    metadata: _Selection


class _Schema(Struct):
    properties: dict[str, dict[str, Any]] = {}


class _Entry(Struct):
    tap_stream_id: str
    schema: _Schema
    stream: str | None = None
    key_properties: list[str] | None = None
    replication_key: str | None = None
    replication_method: str | None = None
    metadata: list[_Metadata] = []


class _Catalog(Struct):
    streams: list[_Entry]


def check_catalog(catalog: Mapping[str, Any], streams: Sequence[Any]) -> dict[str, Any]:
    """Return a catalog with its selected streams only, completed.

    For other streams, the SDK would check their stream maps too.

    Args:
        catalog: The catalog.
        streams: The classes of this tap's streams.

    Raises:
        InputError: It is another tap's catalog, or cannot be used.
    """
    known = {stream.name: stream for stream in streams}
    entries = _entries(catalog)
    foreign = sorted({entry.tap_stream_id for entry in entries} - set(known))
    if foreign:
        message = (
            f"The catalog holds unknown streams: {', '.join(foreign)}. This tap has "
            f"{', '.join(sorted(known))}"
        )
        raise InputError(message)
    chosen = [
        _completed(_without_moved(entry), shape, known[shape.tap_stream_id])
        for entry, shape in zip(catalog["streams"], entries, strict=True)
        if _mask(entry)[()]
    ]
    if not chosen:
        message = "The catalog selects no stream: select one, or leave the catalog out"
        raise InputError(message)
    return {"streams": chosen}


def check_maps(maps: Mapping[str, Any], streams: Mapping[str, Collection[str]]) -> None:
    """Check that stream maps name existing streams and columns.

    A misspelt column would be loaded although it should be removed.

    Args:
        maps: The setting ``stream_maps``.
        streams: The columns of each of this tap's streams.

    Raises:
        InputError: A stream or a removed column does not exist.
    """
    for name, one in maps.items():
        options = one if isinstance(one, dict) else {}
        source = str(options.get(MAPPER_SOURCE_OPTION, name))
        if source != MAPPER_ELSE_OPTION and not fnmatch.filter(streams, source):
            _refuse_map(f"is for the stream {source}", streams)
        for column, value in options.items():
            removed = value in (None, NULL_STRING) and not column.startswith("__")
            if not removed or column in streams.get(source, [column]):
                continue
            if source != "campaign_activities" or column not in MOVED:
                _refuse_map(f"removes {source}.{column}", streams[source])
            logger.warning(
                "A map in stream_maps removes campaign_activities.%s: that is a column "
                "of campaign_activity_details now, move the map there",
                column,
            )


def _refuse_map(what: str, known: Collection[str]) -> NoReturn:
    message = (
        f"A map in stream_maps {printable(what)}, which does not exist: there are "
        f"{', '.join(sorted(known))}"
    )
    raise InputError(message)


def _entries(catalog: Mapping[str, Any]) -> list[_Entry]:
    try:
        return msgspec.convert(catalog, _Catalog).streams
    except msgspec.ValidationError as error:
        message = (
            f"The catalog is not a list of streams as --discover prints it: {error}"
        )
        raise InputError(message) from None


def _mask(entry: dict[str, Any]) -> Mapping[tuple[str, ...], bool]:
    """Return the selection of a catalog entry.

    Raises:
        InputError: The SDK cannot read its schema.
    """
    try:
        return CatalogEntry.from_dict(entry).metadata.resolve_selection()
    except (AttributeError, TypeError):
        message = (
            f"The catalog's stream {entry['tap_stream_id']} has an invalid schema: "
            "start from what --discover prints"
        )
        raise InputError(message) from None


def _without_moved(entry: dict[str, Any]) -> dict[str, Any]:
    """Remove columns that are in another stream now; warn of selected ones."""
    properties = entry["schema"].get("properties", {})
    if entry["tap_stream_id"] != "campaign_activities" or MOVED.isdisjoint(properties):
        return entry
    mask = _mask(entry)
    moved = [name for name in properties if name in MOVED]
    if selected := [name for name in moved if mask["properties", name]]:
        logger.warning(
            "Columns that campaign_activities no longer has are ignored: %s. "
            "Select the stream campaign_activity_details for them",
            ", ".join(selected),
        )
    kept = {name: properties[name] for name in properties if name not in MOVED}
    metadata = [
        one for one in entry.get("metadata", ()) if MOVED.isdisjoint(one["breadcrumb"])
    ]
    schema = {**entry["schema"], "properties": kept}
    return {**entry, "schema": schema, "metadata": metadata}


def _schema_problems(schema: Any) -> list[str]:
    return [
        f"has an invalid schema ({'.'.join(map(str, error.path))})"
        for error in SCHEMAS.iter_errors(schema)
    ]


def _completed(entry: dict[str, Any], shape: _Entry, stream: Any) -> dict[str, Any]:
    """Return a catalog entry with the stream's name and keys.

    Raises:
        InputError: It contradicts the stream's declaration.
    """
    names = {
        "stream": stream.name,
        "key_properties": [*stream.primary_keys],
        "replication_key": stream.replication_key,
    }
    problems = [
        f"has a {name} other than {own}"
        for name, own in names.items()
        if getattr(shape, name) not in (None, [], own)
    ]
    if shape.replication_method not in METHODS:
        problems.append(
            "has a replication_method other than INCREMENTAL and FULL_TABLE"
        )
    mask = _mask(entry)
    problems += [
        f"leaves out {name}, its key or replication key"
        for name in filter(None, (*stream.primary_keys, stream.replication_key))
        if not mask["properties", name] or name not in shape.schema.properties
    ]
    problems += _schema_problems(entry["schema"])
    if problems:
        message = (
            f"The catalog's stream {stream.name} {problems[0]}: start from what "
            "--discover prints"
        )
        raise InputError(message)
    return {**entry, **names}

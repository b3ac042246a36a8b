"""Catalogs and keys are checked and completed."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from tests.input_files import CATALOG, handed_in
from tests.support import run_tap, select

if TYPE_CHECKING:
    from pathlib import Path

    from tap_cc_clicks.sandbox import Sandbox


def entry(**changes: Any) -> dict[str, Any]:
    """Return a catalog with one stream and these changes."""
    (found,) = (
        one for one in CATALOG["streams"] if one["tap_stream_id"] == "email_clicks"
    )
    return {"streams": [{**deepcopy(found), **changes}]}


def without(name: str) -> dict[str, Any]:
    """Return a catalog that lacks a column of clicks."""
    catalog = entry()
    del catalog["streams"][0]["schema"]["properties"][name]
    return catalog


def deselected(name: str) -> dict[str, Any]:
    """Return a catalog that leaves out a column of clicks."""
    catalog = entry()
    for one in catalog["streams"][0]["metadata"]:
        if name in one["breadcrumb"]:
            one["metadata"] = {"inclusion": "available", "selected": False}
    return catalog


@pytest.mark.parametrize(
    ("catalog", "sentence"),
    [
        ({"streams": []}, "The catalog selects no stream"),
        (select(), "The catalog selects no stream"),
        (without("click_id"), "email_clicks leaves out click_id"),
        (without("created_time"), "email_clicks leaves out created_time"),
        (deselected("click_id"), "email_clicks leaves out click_id"),
        (deselected("created_time"), "email_clicks leaves out created_time"),
        (entry(stream="clicks"), "has a stream other than email_clicks"),
        (
            entry(key_properties=["contact_id"]),
            "has a key_properties other than ['click_id']",
        ),
        (entry(replication_method="x"), "has a replication_method other than"),
        (entry(replication_key="x"), "has a replication_key other than created_time"),
        (entry(schema={"type": "nothing"}), "leaves out click_id"),
        (entry(schema={"items": 5}), "email_clicks has an invalid schema"),
        (entry(metadata=[{}]), "The catalog is not a list of streams"),
    ],
)
def test_a_catalog_is_checked_before_the_first_request(
    account: Sandbox, tmp_path: Path, catalog: dict[str, Any], sentence: str
) -> None:
    """One of these used to cost 309 requests and exit with 0."""
    before = account.log.counts().total()
    code, log = handed_in(tmp_path, account, catalog=json.dumps(catalog).encode())
    assert code == 1
    assert sentence in log
    assert "Traceback" not in log
    assert account.log.counts().total() == before


@pytest.mark.parametrize("name", ["stream", "key_properties", "replication_key"])
def test_missing_catalog_fields_are_completed(account: Sandbox, name: str) -> None:
    """Used to end in a traceback (no stream name) or a table without keys."""
    catalog = entry()
    del catalog["streams"][0][name]
    output = run_tap(account, catalog=catalog)
    (schema,) = (one for one in output.messages if one["type"] == "SCHEMA")
    assert schema["key_properties"] == ["click_id"]
    assert output.records("email_clicks")


def test_a_stream_without_keys_has_empty_key_properties(account: Sandbox) -> None:
    """Used to leave out key_properties, so that loaders refused the SCHEMA message."""
    maps = {"campaigns": {"__key_properties__": None}}
    output = run_tap(account, stream_maps=maps)
    keys = [
        one["key_properties"]
        for one in output.messages
        if one["type"] == "SCHEMA" and one["stream"] == "campaigns"
    ]
    assert keys == [[]]

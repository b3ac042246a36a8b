"""Files that repeat settings and catalogs are up to date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tap_cc_clicks.tap import TapCCClicks
from tools import sync_settings, write_catalogs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("meltano.yml", sync_settings.meltano_yml),
        (sync_settings.PAGE, sync_settings.settings_page),
        (".env.example", lambda _: sync_settings.env_example()),
        (sync_settings.HUB, lambda _: sync_settings.hub_yml()),
    ],
)
def test_files_list_the_settings_of_the_tap(name: str, written: Any) -> None:
    """``make settings`` writes them."""
    text = (ROOT / name).read_text("utf-8")
    assert written(text) == text


@pytest.mark.parametrize("name", ["default", "clicks-only", "no-pii", "everything"])
def test_catalogs_are_what_discovery_prints(name: str) -> None:
    """``make catalogs`` writes them."""
    text = (ROOT / "catalog" / f"{name}.json").read_text("utf-8")
    assert text == write_catalogs.as_text(write_catalogs.catalogs()[name])


def test_a_catalog_without_personal_data_leaves_all_of_it_out() -> None:
    """It deselects each property that is marked as personal."""
    catalog = json.loads((ROOT / "catalog" / "no-pii.json").read_text("utf-8"))
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            name = (entry["breadcrumb"] or [""])[-1]
            if name in write_catalogs.PERSONAL:
                assert entry["metadata"]["selected"] is False


def test_every_property_is_typed_and_described() -> None:
    """Each stream has a key."""
    for stream in TapCCClicks(validate_config=False).catalog_dict["streams"]:
        assert stream["key_properties"]
        for name, schema in stream["schema"]["properties"].items():
            assert schema["description"].endswith("."), name
            assert schema["type"], name


def test_meltano_knows_every_setting_and_secret() -> None:
    """Each has a label and a description."""
    project = YAML(typ="safe").load((ROOT / "meltano.yml").read_text("utf-8"))
    (extractor,) = project["plugins"]["extractors"]
    secrets = {one["name"] for one in extractor["settings"] if one.get("sensitive")}
    assert secrets == {"client_secret", "refresh_token", "access_token"}
    assert all(one["label"] and one["description"] for one in extractor["settings"])
    assert extractor["select"] == [
        "*.*",
        *(f"!{name}.*" for name in sync_settings.not_by_default()),
    ]
    assert {one["name"] for one in project["environments"]} == {"dev", "prod", "demo"}
    assert {one["name"] for one in project["plugins"]["loaders"]} == {
        "target-postgres",
        "target-snowflake",
        "target-jsonl",
        "target-duckdb",
        "target-csv",
    }
    assert [one["interval"] for one in project["schedules"]] == ["@daily"]


def test_every_requested_detail_has_a_column() -> None:
    """Details cost a request each, and no other stream has them."""
    from tap_cc_clicks.api.wire import DETAILS  # noqa: PLC0415

    tap = TapCCClicks(validate_config=False)
    columns = {*tap.streams["campaign_activity_details"].schema["properties"]}
    assert columns >= {*DETAILS}
    shared = columns & {*tap.streams["campaign_activities"].schema["properties"]}
    assert shared == {"campaign_activity_id", "campaign_id", "document_id"}


def test_plugins_are_installed_with_the_system_certificates() -> None:
    """As pip does; uv needs UV_SYSTEM_CERTS, in Make and in Meltano."""
    project = YAML(typ="safe").load((ROOT / "meltano.yml").read_text("utf-8"))
    assert project["env"] == {"UV_SYSTEM_CERTS": "true"}
    assert "\nexport UV_SYSTEM_CERTS := true\n" in (ROOT / "Makefile").read_text(
        "utf-8"
    )

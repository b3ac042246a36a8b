"""The recipes of docs/recipes.md, run unchanged."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.sandbox import Sandbox, generate
from tap_cc_clicks.tap import TapCCClicks
from tests.support import RECIPES, Output, clicks, everything, recipe, run_tap, select

if TYPE_CHECKING:
    from collections.abc import Iterator

SALT, ACCOUNT = "s3cret" * 6, "north"
PERSONAL = {"email_address", "first_name", "last_name"}
DOMAINS = ("example.com", "Example.COM", "example.org", "notexample.com")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment variables that the recipes use."""
    monkeypatch.setenv("CC_CLICKS_SALT", SALT)
    monkeypatch.setenv("CC_CLICKS_ACCOUNT", ACCOUNT)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return an account with several email domains, and links with personal data."""
    account = generate(campaigns=8, clicks=120)
    number = 0
    for activity in account.activities.values():
        for link in activity.links:
            link["link_url"] = "https://example.net/a?to=someone@example.com#x"
        for click in activity.clicks:
            address = f" Person{number // 8}@{DOMAINS[number % 4]}"
            click.row["email_address"] = address if number % 8 else None
            click.row["link_url"] = activity.links[0]["link_url"]
            click.encode()
            number += 1
    with Sandbox(account) as running:
        yield running


def run_recipe(sandbox: Sandbox, name: str) -> tuple[Output, Output]:
    """Run the tap without and with a recipe, and check that bookmarks are equal."""
    catalog = everything()
    plain = run_tap(sandbox, catalog=catalog)
    mapped = run_tap(sandbox, catalog=catalog, **recipe(name))
    assert (
        mapped.states[-1]["bookmarks"]["email_clicks"]
        == (plain.states[-1]["bookmarks"]["email_clicks"])
    )
    return plain, mapped


def schema(output: Output, stream: str) -> dict[str, Any]:
    """Return a stream's SCHEMA message."""
    (found,) = (
        message
        for message in output.messages
        if message["type"] == "SCHEMA" and message["stream"] == stream
    )
    return found


def hashed(address: str | None) -> str | None:
    """Return the hash that the recipe makes of an address."""
    if address is None:
        return None
    inner = hashlib.sha256((SALT + address.strip().lower()).encode()).hexdigest()
    return hashlib.sha256((SALT + inner).encode()).hexdigest()


def test_every_recipe_is_tested_here() -> None:
    text = Path(__file__).read_text("utf-8")
    assert {name for name in RECIPES if f'"{name}"' not in text} == set()


@pytest.mark.parametrize("name", RECIPES)
def test_the_command_accepts_every_recipe(
    sandbox: Sandbox, name: str, tmp_path: Path
) -> None:
    """In a new process, where these settings used to be unknown."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**sandbox.config, **recipe(name)}), "utf-8")
    command = [sys.executable, "-m", "tap_cc_clicks", "--config", str(path)]
    output = subprocess.check_output(command, stderr=subprocess.DEVNULL)
    assert b'"RECORD"' in output


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_works_with_clicks_alone(sandbox: Sandbox, name: str) -> None:
    """Two of them define keys of streams that are not selected."""
    path = Path(__file__).parents[2] / "catalog" / "clicks-only.json"
    catalog = json.loads(path.read_text("utf-8"))
    output = run_tap(sandbox, catalog=catalog, **recipe(name))
    assert output.counts()["RECORD", "clicks" if "rename" in name else "email_clicks"]


def test_addresses_are_hashed_with_a_key(sandbox: Sandbox) -> None:
    """The case of an address does not matter, and null stays null."""
    plain, mapped = run_recipe(sandbox, "hash")
    before, after = clicks(plain), clicks(mapped)
    assert before.keys() == after.keys()
    for click_id, click in after.items():
        assert click["email_address"] == hashed(before[click_id]["email_address"])
        assert not {"first_name", "last_name"} & set(click)
    hashes = {click["email_address"] for click in after.values()}
    assert 10 < len(hashes) < len(after)


@pytest.mark.parametrize("salt", ["", None])
def test_without_its_key_the_hash_is_null(sandbox: Sandbox, salt: str | None) -> None:
    """A hash without a key could be reversed."""
    config = recipe("hash") | {"stream_map_config": {"salt": salt}}
    output = run_tap(sandbox, **config)
    addresses = {one["email_address"] for one in output.records("email_clicks")}
    assert addresses == {None}


def test_personal_data_is_left_out(sandbox: Sandbox) -> None:
    """The recipe removes it from records and schema, and nothing else."""
    plain, mapped = run_recipe(sandbox, "drop")
    assert not PERSONAL & set(schema(mapped, "email_clicks")["schema"]["properties"])
    assert clicks(mapped) == {
        click_id: {name: click[name] for name in click if name not in PERSONAL}
        for click_id, click in clicks(plain).items()
    }


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("domain", lambda address: address.endswith("@example.com")),
        (
            "not-ours",
            lambda address: not address.endswith(("@example.com", "@example.org")),
        ),
    ],
)
def test_clicks_are_filtered_by_domain(
    sandbox: Sandbox, name: str, wanted: Any
) -> None:
    """The whole domain has to match; case does not matter."""
    plain, mapped = run_recipe(sandbox, name)
    assert clicks(mapped)
    assert clicks(mapped) == {
        click_id: click
        for click_id, click in clicks(plain).items()
        if wanted((click["email_address"] or "").lower())
    }


def test_only_phones_and_tablets_are_kept(sandbox: Sandbox) -> None:
    """Unknown devices are dropped."""
    plain, mapped = run_recipe(sandbox, "mobile")
    devices = [one["device_type"] for one in plain.records("email_clicks")]
    assert None in devices
    assert len(clicks(mapped)) == devices.count("mobile") + devices.count("tablet")


def test_links_lose_their_query(sandbox: Sandbox) -> None:
    """And their fragment, in clicks and in links."""
    _, mapped = run_recipe(sandbox, "links")
    for stream in ("email_clicks", "email_links"):
        urls = {record["link_url"] for record in mapped.records(stream)}
        assert urls == {"https://example.net/a"}


def test_a_stream_and_its_columns_are_renamed(sandbox: Sandbox) -> None:
    """Columns keep their types."""
    plain, mapped = run_recipe(sandbox, "rename")
    properties = schema(mapped, "clicks")["schema"]["properties"]
    assert properties["clicked_at"]["format"] == "date-time"
    assert not {"created_time", "link_url"} & set(properties)
    for record in mapped.records("clicks"):
        click = clicks(plain)[record["click_id"]]
        assert record["clicked_at"] == click["created_time"]
        assert record["url"] == click["link_url"]


def test_a_key_is_renamed(sandbox: Sandbox) -> None:
    """It stays the key."""
    plain, mapped = run_recipe(sandbox, "rename-key")
    assert schema(mapped, "clicks")["key_properties"] == ["id"]
    assert {one["id"] for one in mapped.records("clicks")} == clicks(plain).keys()


def test_every_stream_has_the_account(sandbox: Sandbox) -> None:
    """The account is part of each key."""
    plain, mapped = run_recipe(sandbox, "accounts")
    for message in mapped.messages:
        if message["type"] == "SCHEMA":
            key = schema(plain, message["stream"])["key_properties"]
            assert message["key_properties"] == ["account_id", *key]
        elif message["type"] == "RECORD":
            assert message["record"].pop("account_id") == ACCOUNT
    assert clicks(mapped) == clicks(plain)


def test_a_full_refresh_loads_filtered_rows(sandbox: Sandbox) -> None:
    """A run from the last state does not."""
    filtered = run_tap(sandbox, **recipe("domain"))
    assert not run_tap(sandbox, filtered.state).records("email_clicks")
    assert len(clicks(run_tap(sandbox))) == len(sandbox.account.rows())


@pytest.mark.parametrize("source", ["campaigns", "campaign*"])
def test_a_map_of_a_stream_that_is_not_selected_is_ignored(
    sandbox: Sandbox, source: str
) -> None:
    """Used to fail: the SDK looked up the key among missing columns."""
    maps = {source: {"account": "'north'", "__key_properties__": ["account", "name"]}}
    output = run_tap(sandbox, catalog=select("email_clicks"), stream_maps=maps)
    assert output.records("email_clicks")


@pytest.mark.parametrize(
    ("maps", "sentence"),
    [
        ({"email_click": {"a": "1"}}, "is for the stream email_click, which does not"),
        ({"x": {"__source__": "emails"}}, "is for the stream emails, which does not"),
        ({"email_clicks": {"emial_address": None}}, "removes email_clicks.emial_addr"),
        ({"email_*": {"email_address": None}, "__else__": None}, None),
        ({"x": {"__source__": "campaigns", "name": "__NULL__"}}, None),
    ],
)
def test_a_map_with_a_misspelt_name_is_refused(
    sandbox: Sandbox, maps: dict[str, Any], sentence: str | None
) -> None:
    """Used to load what it should leave out."""
    refused = pytest.raises(InputError, match=sentence) if sentence else nullcontext()
    with refused:
        TapCCClicks(config={**sandbox.config, "stream_maps": maps})

"""Validation of settings and its messages."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_cc_clicks.settings import Settings
from tap_cc_clicks.tap import TapCCClicks

if TYPE_CHECKING:
    pass


MISSING = (
    "Credentials are missing: set client_id and refresh_token (or, for a quick try, "
    "access_token)"
)


SAFE = (
    "must be an https URL (http is for loopback only), without user name, password or "
    "query in it: credentials have settings of their own"
)


GOOD = {"client_id": "id", "refresh_token": "token"}


REMOVED = (
    "Settings that no longer exist are ignored: {}. They are replaced by "
    "look_requests_per_day"
)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the logged warnings."""
    return [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]


def problems(**config: Any) -> str:
    """Return the validation errors of a config."""
    with pytest.raises(ConfigValidationError) as error:
        TapCCClicks(config={**GOOD, **config})
    return "; ".join(error.value.errors)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"page_siz": 5}, "There is no setting page_siz: did you mean page_size?"),
        ({"xyz": 5}, "There is no setting xyz: see --about for all settings"),
        ({"page_size": 501}, "Setting page_size must be at most 500"),
        ({"page_size": "five"}, "Setting page_size must be of type integer"),
        ({"lookback": -1}, "Setting lookback must be at least 0"),
        (
            {"requests_per_second": 0},
            "Setting requests_per_second must be greater than 0",
        ),
        (
            {"look_requests_per_day": -1},
            "Setting look_requests_per_day must be at least 0",
        ),
        (
            {"look_requests_per_day": 1.5},
            "Setting look_requests_per_day must be of type integer",
        ),
        ({"campaign_ids": [""]}, "Setting campaign_ids.0 must not be empty"),
        (
            {"api_url": "http://example.com/v3"},
            f"Setting api_url {SAFE}",
        ),
        (
            {"token_url": "ftp://example.com"},
            f"Setting token_url {SAFE}",
        ),
        (
            {"token_store": "a\0b"},
            "Setting token_store must be text in UTF-8, without NUL characters",
        ),
        (
            {"url_ids": ["a", "\udce9"]},
            "Setting url_ids must be text in UTF-8, without NUL characters",
        ),
        (
            {"start_date": "yesterday"},
            "Setting start_date must be an ISO 8601 date, such as 2026-01-31",
        ),
        (
            {"start_date": "0001-01-01T00:00:00+14:00"},
            "Setting start_date must be an ISO 8601 date, such as 2026-01-31",
        ),
        (
            {"start_date": "2999-01-01"},
            "Setting start_date is in the future: no click would be loaded",
        ),
        (
            {"stream_maps": {"campaigns": 5}},
            "Setting stream_maps.campaigns must be as --about describes it",
        ),
        (
            {"flattening_enabled": "perhaps"},
            "Setting flattening_enabled must be of type boolean",
        ),
        (
            {"refresh_token": None},
            MISSING,
        ),
        (
            {"client_id": None},
            "Setting client_id is missing: a refresh_token needs it",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_invalid_setting_is_one_clear_sentence(
    config: dict[str, Any], sentence: str
) -> None:
    """It names the setting and the allowed values."""
    assert problems(**config) == sentence


@pytest.mark.parametrize("name", ["refresh_token", "client_secret", "access_token"])
def test_no_message_shows_a_value(name: str) -> None:
    """The value may be a secret."""
    assert "s3cret" not in problems(**{name: ["s3cret"]})
    assert "s3cret" not in problems(**{f"{name}s": "s3cret"})


@pytest.mark.parametrize(
    "api_url",
    [
        "http://127.0.0.1:8080/v3",
        "http://[::1]:80",
        "http://localhost",
        "https://a.b/v3",
    ],
)
def test_loopback_does_not_need_https(api_url: str) -> None:
    """The simulator has no certificate."""
    TapCCClicks(config={**GOOD, "api_url": api_url})


@pytest.mark.parametrize("name", ["api_url", "token_url"])
@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret@example.com/v3",
        "https://s3cret@example.com/v3",
        "http://user:s3cret@127.0.0.1/v3",
        "https://example.com/v3?key=s3cret",
        "https://example.com/v3#s3cret",
        "http://s3cret.example.com\\@127.0.0.1/v3",
        "http://127.0.0.1\\@s3cret.example.com/v3",
    ],
)
def test_a_url_must_not_contain_secrets(name: str, url: str) -> None:
    """Errors show URLs; ambiguous URLs are refused too."""
    assert problems(**{name: url}) == f"Setting {name} {SAFE}"


@pytest.mark.parametrize("by", ["file", "environment"])
@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("a, b", ["a", "b"]),
        ('["a", 7]', ["a", "7"]),
        ("1", ["1"]),
        (["a", 7], ["a", "7"]),
        (7, ["7"]),
    ],
)
def test_lists_are_read_from_any_source(
    monkeypatch: pytest.MonkeyPatch, by: str, given: Any, value: list[str]
) -> None:
    """Meltano passes text or values of its YAML."""
    if by == "file":
        tap = TapCCClicks(config={**GOOD, "url_ids": given})
    else:
        text = given if isinstance(given, str) else json.dumps(given)
        monkeypatch.setenv("TAP_CC_CLICKS_URL_IDS", text)
        tap = TapCCClicks(config=GOOD, parse_env_config=True)
    assert Settings.from_config(tap.config).url_ids == tuple(value)


@pytest.mark.parametrize("given", [0.5, Decimal("0.5"), "0.5"])
@pytest.mark.parametrize("name", ["lookback", "requests_per_second"])
def test_fractions_are_read_from_any_source(name: str, given: Any) -> None:
    """The SDK reads decimals from files, and Meltano passes text."""
    tap = TapCCClicks(config={**GOOD, name: given})
    value = getattr(Settings.from_config(tap.config), name)
    assert (value, type(value)) == (0.5, float)


@pytest.mark.parametrize("given", [24.0, Decimal("24.0"), "24", "24.0"])
def test_whole_numbers_are_read_from_any_source(given: Any) -> None:
    """This includes settings that must be integers."""
    names = ("page_size", "lookback", "look_requests_per_day")
    tap = TapCCClicks(config={**GOOD, **dict.fromkeys(names, given)})
    settings = Settings.from_config(tap.config)
    for name in names:
        value = getattr(settings, name)
        assert (value, type(value)) == (24, int)


def test_empty_settings_are_not_set() -> None:
    """Meltano passes empty variables as such."""
    tap = TapCCClicks(config={**GOOD, "start_date": "", "max_requests": ""})
    settings = Settings.from_config(tap.config)
    assert (settings.start_date, settings.max_requests) == (None, None)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("START_DAT", "START_DATE"),
        ("LOOKBAK", "LOOKBACK"),
        ("CAMPAIGN_ID", "CAMPAIGN_IDS"),
        ("SHOP_START_DATE", None),
        ("A_CLIENT_ID", None),
        ("_LOAD_SCHEMA", None),
        ("LOGLEVELS", None),
    ],
)
def test_a_misspelt_variable_is_one_warning(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    meant: str | None,
) -> None:
    """It shows no value; variables of inherited extractors and Meltano are ignored."""
    monkeypatch.setenv(f"TAP_CC_CLICKS_{name}", "s3cret")
    TapCCClicks(config=GOOD)
    assert not warnings_of(caplog)
    TapCCClicks(config=GOOD, parse_env_config=True)
    sentence = (
        f"The variable TAP_CC_CLICKS_{name} sets nothing: did you mean "
        f"TAP_CC_CLICKS_{meant}?"
    )
    assert warnings_of(caplog) == [sentence] * bool(meant)


@pytest.mark.parametrize("value", ["fast", "none", -1, "", None])
@pytest.mark.parametrize("name", ["change_detection", "hot_days", "recheck_hours"])
def test_a_removed_setting_is_one_warning(
    caplog: pytest.LogCaptureFixture, name: str, value: Any
) -> None:
    """It names the setting and its replacement, regardless of the value."""
    tap = TapCCClicks(config={**GOOD, name: value})
    assert name not in tap.config
    assert warnings_of(caplog) == [REMOVED.format(name)] * (value not in {None, ""})


def test_removed_settings_of_all_sources_are_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the file and in the environment."""
    monkeypatch.setenv("TAP_CC_CLICKS_CHANGE_DETECTION", "fast")
    monkeypatch.setenv("TAP_CC_CLICKS_HOT_DAYS", "many")
    config = {**GOOD, "hot_days": 7, "recheck_hours": 24}
    tap = TapCCClicks(config=config, parse_env_config=True)
    assert set(tap.config) >= set(GOOD)
    names = "change_detection, hot_days, recheck_hours"
    assert warnings_of(caplog) == [REMOVED.format(names)]


@pytest.mark.parametrize(
    "batch",
    [
        {"encoding": {"format": "jsonl", "compression": "none"}},
        {"encoding": {"format": "jsonl"}},
        {"encoding": {"format": "parquet", "compression": "gzip"}},
        {},
    ],
)
def test_only_compressed_jsonl_batches_are_allowed(batch: dict[str, Any]) -> None:
    """Batches with compression "none" used to be compressed."""
    config = {"batch_config": {**batch, "storage": {"root": "file:///tmp"}}}
    assert "batch_config must have encoding (format jsonl, compression gzip)" in (
        problems(**config)
    )

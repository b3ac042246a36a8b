"""Settings from files, the environment and .env."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_cc_clicks.settings import Settings
from tap_cc_clicks.tap import TapCCClicks

if TYPE_CHECKING:
    from pathlib import Path


GOOD = {"client_id": "id", "refresh_token": "token"}


def test_settings_have_defaults() -> None:
    """A date becomes a timestamp in the format of the API."""
    tap = TapCCClicks(config={**GOOD, "start_date": "2026-01-31"})
    settings = Settings.from_config(tap.config)
    assert settings.page_size == 500
    assert settings.look_requests_per_day == 500
    assert settings.start_date == "2026-01-31T00:00:00.000Z"
    assert settings.url_ids == ()


def test_numbers_are_read_from_environment_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The SDK reads integers only; other text is refused."""
    for name, value in {**GOOD, "lookback": "1.5", "max_requests": "9"}.items():
        monkeypatch.setenv(f"TAP_CC_CLICKS_{name.upper()}", value)
    tap = TapCCClicks(parse_env_config=True)
    assert (tap.config["lookback"], tap.config["max_requests"]) == (1.5, 9)
    monkeypatch.setenv("TAP_CC_CLICKS_LOOKBACK", "a day")
    with pytest.raises(ConfigValidationError) as error:
        TapCCClicks(parse_env_config=True)
    assert error.value.errors == ["Setting lookback must be of type number"]


def test_every_setting_is_described_and_secrets_are_marked() -> None:
    """--about shows both."""
    properties = TapCCClicks.config_jsonschema["properties"]
    own = [name for name in properties if name in Settings.__annotations__]
    assert own
    for name in own:
        assert properties[name]["title"]
        assert properties[name]["description"]
    secrets = {name for name, one in properties.items() if one.get("secret")}
    assert secrets == {"client_secret", "refresh_token", "access_token"}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("page_size", "50", 50),
        ("lookback", "1.5", 1.5),
        ("stream_map_config", '{"a": 1}', {"a": 1}),
        ("campaign_ids", '["a", "b"]', ["a", "b"]),
        ("start_date", "2026-01-31", "2026-01-31"),
        ("page_size", "many", "many"),
        ("page_size", "", None),
        ("campaign_ids", "", None),
        ("token_store", "", None),
    ],
)
def test_environment_variables_are_converted(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: Any
) -> None:
    """Invalid values are left to validation; empty ones are not set."""
    monkeypatch.setenv(f"TAP_CC_CLICKS_{name.upper()}", text)
    assert TapCCClicks._env_var_config.get(name) == value


def test_the_environment_overrides_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The .env file of the working folder is read."""
    for name in ("PAGE_SIZE", "CONCURRENCY"):
        monkeypatch.delenv(f"TAP_CC_CLICKS_{name}", raising=False)
    (tmp_path / ".env").write_text(
        "TAP_CC_CLICKS_PAGE_SIZE=5\nTAP_CC_CLICKS_CONCURRENCY=5\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAP_CC_CLICKS_CONCURRENCY", "6")
    found = TapCCClicks._env_var_config
    assert (found["page_size"], found["concurrency"]) == (5, 6)

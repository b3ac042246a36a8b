"""Write the settings in settings.py to all files that list them.

These are meltano.yml, .env.example, docs/settings.md and the definition for Meltano
Hub. Run by ``make settings``. A test fails if a file is outdated.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from tap_cc_clicks.streams import STREAMS
from tap_cc_clicks.tap import TapCCClicks

ROOT = Path(__file__).parents[1]
START, END = "<!-- settings -->", "<!-- /settings -->"
# Types with a kind of the same name. Others are declared as strings, which the tap
# validates. Meltano's other kinds fail with a traceback (decimal, integer, options),
# take any text for false (boolean) or reject commas (array).
KINDS = ("object",)
PAGE = "docs/settings.md"
HUB = "hub/tap-cc-clicks.yml"
HUB_COMMENT = """\
# The plugin definition for Meltano Hub, written by `make settings`. To publish it,
# replace the variant by your account's name, and add repo and logo_url; its place is
# _data/meltano/extractors/tap-cc-clicks/VARIANT.yml.
"""


def settings() -> dict[str, dict[str, Any]]:
    """Return the settings by name, as in the output of ``--about``."""
    about = TapCCClicks._get_about_info()  # noqa: SLF001 - what --about prints
    return dict(about.settings["properties"])


def meltano_setting(name: str, setting: dict[str, Any]) -> dict[str, Any]:
    """Return a setting's declaration in meltano.yml."""
    kind = next((part for part in setting["type"] if part in KINDS), "string")
    declared: dict[str, Any] = {"name": name, "kind": kind}
    if setting.get("format") == "date-time":
        declared["kind"] = "date_iso8601"
    if setting.get("secret"):
        declared["sensitive"] = True
    if "default" in setting:
        declared["value"] = setting["default"]
    return {
        **declared,
        "label": setting.get("title", name),
        "description": setting["description"],
    }


def meltano_yml(text: str) -> str:
    """Return meltano.yml with the extractor's settings and capabilities."""
    project = YAML().load(text)
    extractor = project["plugins"]["extractors"][0]
    capabilities = TapCCClicks.capabilities
    extractor["capabilities"] = [str(capability) for capability in capabilities]
    extractor["settings"] = [
        meltano_setting(name, setting) for name, setting in settings().items()
    ]
    return as_yaml(project)


def as_yaml(value: Any) -> str:
    """Return a value as YAML."""
    yaml = YAML()
    yaml.width = 88
    written = io.StringIO()
    yaml.dump(value, written)
    return written.getvalue()


def env_example() -> str:
    """Return .env.example: the tap's own settings as comments."""
    lines = ["# Copy to .env and fill in: Meltano and the tap read it.", ""]
    for name, setting in settings().items():
        if name in TapCCClicks.config_jsonschema["properties"]:
            default = setting.get("default", "")
            lines += [
                f"# {setting['description']}",
                f"# TAP_CC_CLICKS_{name.upper()}={default}",
            ]
    return "\n".join(lines) + "\n"


def not_by_default() -> list[str]:
    """Return the streams that are not selected by default."""
    return [stream.name for stream in STREAMS if not stream.selected_by_default]


def hub_yml() -> str:
    """Return the plugin definition for Meltano Hub, with keys in the Hub's order."""
    about = TapCCClicks._get_about_info()  # noqa: SLF001
    definition = {
        "capabilities": sorted(map(str, about.capabilities)),
        "description": about.description,
        "domain_url": "https://www.constantcontact.com",
        "keywords": ["api", "email marketing", "meltano_sdk"],
        "label": "Constant Contact email clicks",
        "maintenance_status": "beta",
        "name": about.name,
        "namespace": about.name.replace("-", "_"),
        "pip_url": about.name,
        "quality": "unknown",
        # Without these rules, Meltano selects all streams.
        "select": ["*.*", *(f"!{name}.*" for name in not_by_default())],
        "settings": [
            dict(sorted(meltano_setting(name, setting).items()))
            for name, setting in settings().items()
        ],
        "settings_group_validation": [["client_id", "refresh_token"], ["access_token"]],
        "supported_python_versions": [
            SingleQuotedScalarString(version)
            for version in about.supported_python_versions or ()
        ],
        # Meltano's name for a plugin's only variant.
        "variant": "original",
    }
    return HUB_COMMENT + as_yaml(definition)


def settings_page(text: str) -> str:
    """Return docs/settings.md with the table of settings."""
    rows = ["| Setting | Default | What it does |", "| --- | --- | --- |"]
    for name, setting in settings().items():
        default = f"`{setting['default']}`" if "default" in setting else ""
        rows.append(f"| `{name}` | {default} | {setting['description']} |")
    before, rest = text.split(START)
    _, after = rest.split(END)
    table = "\n".join(rows)
    return f"{before}{START}\n{table}\n{END}{after}"


def main() -> None:
    """Write all files."""
    for name, write in (("meltano.yml", meltano_yml), (PAGE, settings_page)):
        path = ROOT / name
        path.write_text(write(path.read_text("utf-8")), "utf-8")
    for name, written in ((".env.example", env_example()), (HUB, hub_yml())):
        (ROOT / name).write_text(written, "utf-8")


if __name__ == "__main__":
    main()

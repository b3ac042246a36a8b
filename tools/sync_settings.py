"""Write the settings of tap.py into meltano.yml, .env.example and the README.

Run by ``make settings``. One place says what a setting is; a test fails where the
others say something else.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from tap_cc_clicks.tap import TapCCClicks

ROOT = Path(__file__).parents[1]
START, END = "<!-- settings -->", "<!-- /settings -->"
# Meltano's decimal kind crashes; integer lets a fraction through from YAML.
KINDS = {
    "integer": "integer",
    "number": "integer",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
}


def settings() -> dict[str, dict[str, Any]]:
    """Return the settings by name, as ``--about`` knows them."""
    about = TapCCClicks._get_about_info()  # noqa: SLF001 - what --about prints
    return dict(about.settings["properties"])


def meltano_setting(name: str, setting: dict[str, Any]) -> dict[str, Any]:
    """Return a setting as meltano.yml declares it."""
    kind = next((KINDS[part] for part in setting["type"] if part in KINDS), "string")
    declared: dict[str, Any] = {"name": name, "kind": kind}
    if setting.get("format") == "date-time":
        declared["kind"] = "date_iso8601"
    if "enum" in setting:
        declared["kind"] = "options"
        # Quoted, since older readers of YAML take off for a boolean.
        options = map(SingleQuotedScalarString, setting["enum"])
        declared["options"] = [{"label": one, "value": one} for one in options]
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
    yaml = YAML()
    yaml.width = 88
    project = yaml.load(text)
    extractor = project["plugins"]["extractors"][0]
    capabilities = TapCCClicks.capabilities
    extractor["capabilities"] = [str(capability) for capability in capabilities]
    extractor["settings"] = [
        meltano_setting(name, setting) for name, setting in settings().items()
    ]
    written = io.StringIO()
    yaml.dump(project, written)
    return written.getvalue()


def env_example() -> str:
    """Return .env.example: every setting of the tap's own, as a comment."""
    lines = ["# Copy to .env and fill in: Meltano and the tap read it.", ""]
    for name, setting in settings().items():
        if name in TapCCClicks.config_jsonschema["properties"]:
            default = setting.get("default", "")
            lines += [
                f"# {setting['description']}",
                f"# TAP_CC_CLICKS_{name.upper()}={default}",
            ]
    return "\n".join(lines) + "\n"


def readme(text: str) -> str:
    """Return the README with the table of settings."""
    rows = ["| Setting | Default | What it does |", "| --- | --- | --- |"]
    for name, setting in settings().items():
        default = f"`{setting['default']}`" if "default" in setting else ""
        rows.append(f"| `{name}` | {default} | {setting['description']} |")
    before, rest = text.split(START)
    _, after = rest.split(END)
    table = "\n".join(rows)
    return f"{before}{START}\n{table}\n{END}{after}"


def main() -> None:
    """Write all three files."""
    for name, write in (("meltano.yml", meltano_yml), ("README.md", readme)):
        path = ROOT / name
        path.write_text(write(path.read_text("utf-8")), "utf-8")
    (ROOT / ".env.example").write_text(env_example(), "utf-8")


if __name__ == "__main__":
    main()

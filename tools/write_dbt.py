"""Write dbt's sources.yml and staging.yml from the schemas of the tap's streams.

Run by ``make catalogs``. A test fails if a file is outdated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tap_cc_clicks.tap import TapCCClicks

MODELS = Path(__file__).parents[1] / "transform" / "models"
ROW_IS = {
    "campaigns": "a campaign, including drafts and removed ones",
    "campaign_activities": "an email or web page of a campaign",
    "campaign_activity_details": "subject, sender and recipients of an email",
    "campaign_activity_stats": "the service's counters of an email",
    "campaign_summaries": "the last send and the counters of a campaign",
    "email_send_history": "a send of an email",
    "email_clicks": "a click",
    "email_links": "a link in an email and the number of contacts who clicked it",
    "email_sends": "an email and a contact it was sent to",
    "email_opens": "an open of an email",
    "email_bounces": "a bounce of an email",
    "email_optouts": "a contact who unsubscribed through an email",
    "email_forwards": "a forward of an email by its forward link",
}
SOURCE = {
    "name": "tap_cc_clicks",
    "description": "The tables as a loader writes them; all are optional.",
    "database": "{{ var('cc_clicks_database', target.database) }}",
    "schema": (
        "{{ var('cc_clicks_schema', env_var('DBT_SOURCE_SCHEMA', 'tap_cc_clicks')) }}"
    ),
}
# Every run loads the last changed campaign again, even if nothing else is new.
HEARTBEAT = {
    "loaded_at_field": "{{ var('cc_clicks_loaded_at_field', '_sdc_batched_at') }}",
    "freshness": {"warn_after": {"count": 2, "period": "day"}},
}
RELATION = {"name": "source_relation", "description": "The account of the row."}
Table = tuple[list[str], dict[str, Any]]


def tables() -> dict[str, Table]:
    """Return the key and the properties of each stream."""
    streams = TapCCClicks(validate_config=False).streams
    return {
        name: (list(stream.primary_keys), stream.schema["properties"])
        for name, stream in streams.items()
    }


def sources(tables: dict[str, Table]) -> dict[str, Any]:
    """Return the content of sources.yml."""
    described = [
        {
            "name": name,
            "identifier": f"{{{{ var('cc_clicks_{name}_identifier', '{name}') }}}}",
            "description": f"A row is {ROW_IS[name]}.",
            **({"config": HEARTBEAT} if name == "campaigns" else {}),
            "columns": _columns(properties),
        }
        for name, (_, properties) in tables.items()
    ]
    return {"sources": [{**SOURCE, "tables": described}]}


def staging(tables: dict[str, Table]) -> dict[str, Any]:
    """Return the content of staging.yml."""
    return {"models": [_staged(name, *table) for name, table in tables.items()]}


def _staged(name: str, key: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    once = {"columns": [RELATION["name"], *key]}
    return {
        "name": f"stg_cc_clicks__{name}",
        "description": f"A row is {ROW_IS[name]}. Unique; empty if not loaded.",
        "data_tests": [{"unique_together": {"arguments": once}}],
        "columns": [RELATION, *_columns(properties)],
    }


def _columns(properties: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"name": name, "description": column["description"]}
        for name, column in properties.items()
    ]


def write(tables: dict[str, Table]) -> None:
    """Write both files."""
    yaml = YAML()
    yaml.representer.ignore_aliases = lambda _: True
    yaml.width = 4096
    yaml.dump(sources(tables), MODELS / "sources.yml")
    yaml.dump(staging(tables), MODELS / "staging" / "staging.yml")


if __name__ == "__main__":
    write(tables())

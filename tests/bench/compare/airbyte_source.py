"""Airbyte's declarative CDK with the manifest beside this file.

Runs in the environment ``airbyte``: takes the arguments of any Airbyte source.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.models import AirbyteStateMessage, ConfiguredAirbyteCatalog
from airbyte_cdk.sources.declarative.concurrent_declarative_source import (
    ConcurrentDeclarativeSource,
)

MANIFEST = Path(__file__).with_name("airbyte_manifest.yaml")


def manifest_for(config: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest; if so set, only changed parents are read."""
    manifest: dict[str, Any] = yaml.safe_load(MANIFEST.read_text("utf-8"))
    for parent in ("parent_of_activities", "parent_of_clicks"):
        changed_only = bool(config.get("changed_only"))
        manifest["definitions"][parent]["incremental_dependency"] = changed_only
    return manifest


def main() -> None:
    """Run the source."""
    arguments = sys.argv[1:]
    path = AirbyteEntrypoint.extract_config(arguments)
    config = json.loads(Path(path or "").read_text("utf-8"))
    state_path = AirbyteEntrypoint.extract_state(arguments)
    state: list[AirbyteStateMessage] = []
    if state_path:
        state = ConcurrentDeclarativeSource.read_state(state_path)
    catalog_path = AirbyteEntrypoint.extract_catalog(arguments)
    catalog: ConfiguredAirbyteCatalog = ConcurrentDeclarativeSource.read_catalog(
        catalog_path or ""
    )
    source = ConcurrentDeclarativeSource(
        catalog,
        config,
        state,
        source_config=manifest_for(config),
        config_path=path,
    )
    launch(source, arguments)


if __name__ == "__main__":
    main()

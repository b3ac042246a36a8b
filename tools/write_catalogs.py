"""Write the ready-made catalogs in catalog/ from the output of ``--discover``.

Run by ``make catalogs``. A test fails if a file is outdated.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from tap_cc_clicks.tap import TapCCClicks

FOLDER = Path(__file__).parents[1] / "catalog"
PERSONAL = {
    "current_email_address",
    "email_address",
    "first_name",
    "last_name",
    # Free text.
    "opt_out_reason",
}


def discovered() -> dict[str, Any]:
    """Return the catalog as ``--discover`` prints it."""
    return TapCCClicks(validate_config=False).catalog_dict


def catalogs() -> dict[str, dict[str, Any]]:
    """Return the ready-made catalogs by name."""
    clicks_only, no_pii, everything = discovered(), discovered(), discovered()
    for stream in everything["streams"]:
        _select(stream, [], selected=True)
    for stream in clicks_only["streams"]:
        _select(stream, [], stream["tap_stream_id"] == "email_clicks")
    for stream in no_pii["streams"]:
        for name in PERSONAL & set(stream["schema"]["properties"]):
            _select(stream, ["properties", name], selected=False)
    return {
        "default": deepcopy(discovered()),
        "clicks-only": clicks_only,
        "no-pii": no_pii,
        "everything": everything,
    }


def _select(stream: dict[str, Any], breadcrumb: list[str], selected: bool) -> None:  # noqa: FBT001
    for entry in stream["metadata"]:
        if entry["breadcrumb"] == breadcrumb:
            entry["metadata"]["selected"] = selected


def as_text(catalog: dict[str, Any]) -> str:
    """Return a catalog as JSON for its file."""
    return json.dumps(catalog, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, catalog in catalogs().items():
        (FOLDER / f"{name}.json").write_text(as_text(catalog), "utf-8")


if __name__ == "__main__":
    main()

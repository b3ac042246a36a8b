"""``python -m tap_cc_clicks.cli`` runs ``cc-clicks``."""

from __future__ import annotations

from tap_cc_clicks.cli import main

if __name__ == "__main__":
    main()

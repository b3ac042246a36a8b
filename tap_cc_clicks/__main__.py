"""``python -m tap_cc_clicks`` runs the tap."""

from __future__ import annotations

from tap_cc_clicks.tap import main

if __name__ == "__main__":
    main()

"""The benchmark: this tap and the one that the SDK's template leads to."""

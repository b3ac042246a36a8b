"""The benchmark: this tap and one built from the SDK's template."""

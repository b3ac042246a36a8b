"""Loaders, run end to end: what lands of all that a click may hold."""

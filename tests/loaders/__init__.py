"""Loaders, run end to end: all kinds of values in clicks."""

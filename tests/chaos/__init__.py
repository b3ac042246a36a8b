"""Runs in a world where everything goes wrong: what arrives is the truth."""

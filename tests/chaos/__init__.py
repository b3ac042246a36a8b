"""Runs with faults of all kinds; what reaches the target must be complete."""

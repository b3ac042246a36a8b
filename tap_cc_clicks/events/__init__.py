"""What the rows of a report mean: which event is which, and what is new.

``sync`` and what is above it may import it; it imports ``api`` only.
"""

"""The pass: what to ask next, what came of it, and what is remembered.

``streams`` and what is above it may import it; it imports ``events``, ``settings`` and
``api``.
"""

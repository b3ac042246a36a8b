"""HTTP access to the service: requests, responses, tokens, limits.

Every other package may import it; it imports none of them.
"""

"""How the tap speaks to the service: requests, answers, tokens, limits.

Every other package may import it; it imports none of them.
"""

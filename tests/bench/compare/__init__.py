"""This tap beside three other tools, each loading the clicks of the same account."""

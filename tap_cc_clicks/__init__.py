"""Singer tap for Constant Contact's email click report."""

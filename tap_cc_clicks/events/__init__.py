"""The meaning of report rows: ids, bookmarks, and what is new.

``sync`` and higher packages may import it; it imports ``api`` only.
"""

"""Limit how often a share link may be used: a Django app with its own tables, which reads the audit trail.

`reserve.py` takes a use before the hand-off, and gives it back if nearly nothing was sent.
"""

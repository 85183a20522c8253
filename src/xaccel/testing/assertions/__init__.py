"""Assertions about hand-offs and downloads that need no server."""

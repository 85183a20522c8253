"""Seal transfers in a hash chain and verify it."""

"""Limit how often something may be downloaded."""

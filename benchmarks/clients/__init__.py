"""Clients that load a server or read slowly, and what they expect to receive."""

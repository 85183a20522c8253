"""Subcommands of `manage.py xaccel` that other applications of xaccel bring along."""

from __future__ import annotations

from xaccel.cli.command import Command

COMMANDS: dict[str, Command] = {}
"""By the word after `manage.py xaccel`; an application adds its own when Django starts."""

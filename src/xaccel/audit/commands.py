"""The subcommands of `manage.py xaccel` that belong to the audit trail."""

from __future__ import annotations

from xaccel.audit import ingest_command

COMMANDS = {"ingest": ingest_command.COMMAND}

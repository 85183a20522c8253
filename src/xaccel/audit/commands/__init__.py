"""The subcommands of `manage.py xaccel` that belong to the audit trail."""

from __future__ import annotations

from xaccel.audit.commands import checkpoint, export, forget, ingest, prune, reconcile, verify

COMMANDS = {
    "ingest": ingest.COMMAND,
    "export": export.COMMAND,
    "prune": prune.COMMAND,
    "forget": forget.COMMAND,
    "verify": verify.COMMAND,
    "reconcile": reconcile.COMMAND,
    "checkpoint": checkpoint.COMMAND,
}

"""What other applications of xaccel bring along for `manage.py xaccel`."""

from __future__ import annotations

from xaccel.cli.command import Command, CommandGroup, FindObject

COMMANDS: dict[str, Command | CommandGroup] = {}
"""By the word after `manage.py xaccel`; an application adds its own when Django starts."""

FINDERS: dict[str, FindObject] = {}
"""By the name of the application: from a transfer id to origin and object key, for `explain`."""


def find_object(transfer_id: str) -> tuple[str, str] | None:
    """Return what the first application knows that recorded this transfer; None where none has."""
    found = (find(transfer_id) for find in FINDERS.values())
    return next((place for place in found if place is not None), None)

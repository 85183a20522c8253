"""Find the grant that a management command names."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.core.management.base import CommandError, CommandParser

from portal.files.models import File
from xaccel.commands.printing import error_text


def add_target_arguments(parser: CommandParser) -> None:
    """Add NAME FILE-UUID [--group] to `parser`."""
    parser.add_argument("name", metavar="NAME", help="user name, or a group's with --group")
    parser.add_argument("file", type=UUID, metavar="FILE-UUID", help="the id in the file's address")
    parser.add_argument("--group", action="store_true", help="NAME is a group")


def find_target(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that make out the grant. Raises CommandError for an unknown user, group or file."""
    try:
        file = File.objects.get(pk=options["file"])
        if options["group"]:
            return {"file": file, "group": Group.objects.get(name=options["name"])}
        return {"file": file, "user": User.objects.get(username=options["name"])}
    except (File.DoesNotExist, Group.DoesNotExist, User.DoesNotExist) as error:
        raise CommandError(error_text(error)) from error

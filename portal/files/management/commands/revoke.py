"""manage.py revoke: take a file back."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.files.grant_target import add_target_arguments, find_target
from portal.files.models import Grant
from xaccel.commands.printing import escape, print_line


class Command(BaseCommand):
    """Remove one grant."""

    help = "Take a file back from a user, or with --group from a group. The next request is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        add_target_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        target = find_target(options)
        removed, _ = Grant.objects.filter(**target).delete()
        if not removed:
            raise CommandError(escape(f"{options['name']} has no direct grant for {target['file']}"))
        print_line(f"{target['file']} → {options['name']}: revoked", to=self.stdout)

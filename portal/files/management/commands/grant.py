"""manage.py grant: give a file to a user or a group."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.files.grant_target import add_target_arguments, find_target
from portal.files.models import Grant
from xaccel.commands.printing import print_line


class Command(BaseCommand):
    """Add one grant."""

    help = "Give a file to a user, or with --group to a group."

    def add_arguments(self, parser: CommandParser) -> None:
        add_target_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        grant, made = Grant.objects.get_or_create(**find_target(options))
        print_line(f"{grant}: {'granted' if made else 'was granted already'}", to=self.stdout)

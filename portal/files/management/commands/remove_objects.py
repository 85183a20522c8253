"""manage.py remove_objects: delete the objects of deleted files that the storage did not delete at once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from portal.files.bucket import DeletingFailed
from portal.files.models import Removal
from portal.files.removals import remove
from xaccel.commands.printing import escape, print_line


class Command(BaseCommand):
    """Try each object again. One that the storage refuses does not stop the others."""

    help = "Delete the objects of deleted files that the storage did not delete at once. Run it once an hour."

    def handle(self, *args: Any, **options: Any) -> None:
        failures = 0
        rows = list(Removal.objects.values_list("pk", flat=True))
        for pk in rows:
            try:
                remove(pk, DEFAULT_DB_ALIAS)
            except DeletingFailed as error:
                print_line(error, to=self.stderr)
                failures += 1
        print_line(f"objects deleted: {len(rows) - failures}", to=self.stdout)
        if failures:
            raise CommandError(
                escape(f"objects that are still in the storage: {failures}. Run it again later.")
            )

"""manage.py seed_file: register files whose bytes are in an origin already."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from portal.files.models import File
from portal.files.seeding import add_file
from xaccel.commands.printing import escape, print_line


class Command(BaseCommand):
    """One file from options, or many from JSON; prints the id of each, in order."""

    help = (
        "Register files whose bytes are in an origin already, and grant them. Repeating it changes nothing. "
        "If you delete such a file later, its object is deleted too, in an origin of type s3."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", metavar="PATH", help="a list of objects with these options' names; - is stdin"
        )
        parser.add_argument("--origin", default="documents")
        parser.add_argument("--key")
        parser.add_argument("--name")
        parser.add_argument("--size", type=int, help="in bytes")
        parser.add_argument("--content-type", help="without it, that of an existing file stays as it is")
        parser.add_argument("--sha256")
        parser.add_argument("--crc32", type=int, help="as zlib.crc32 returns it, for ZIP archives")
        parser.add_argument("--etag", default="", help="entity tag of the object, for ZIP archives")
        parser.add_argument("--folder", help="without it, that of an existing file stays as it is")
        parser.add_argument("--user", action="append", default=[], dest="users", metavar="USERNAME")
        parser.add_argument("--group", action="append", default=[], dest="groups", metavar="GROUP")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["json"]:
            entries = json.loads(
                sys.stdin.read() if options["json"] == "-" else Path(options["json"]).read_text()
            )
        else:
            names = (
                *("origin", "key", "name", "size", "content_type", "sha256", "crc32", "etag", "folder"),
                *("users", "groups"),
            )
            entries = [{name: options[name] for name in names}]
            missing = [name for name in ("key", "name", "size", "sha256") if options[name] is None]
            if missing:
                raise CommandError(escape(f"missing: {', '.join('--' + name for name in missing)}"))
        # all or none
        with transaction.atomic():
            files = [self._add(entry) for entry in entries]
        for file in files:
            print_line(file.pk, to=self.stdout)

    def _add(self, entry: dict[str, Any]) -> File:
        try:
            return add_file(**entry)
        except (User.DoesNotExist, Group.DoesNotExist) as error:
            raise CommandError(escape(f"{entry['name']}: {error}")) from error
        except ValidationError as error:
            raise CommandError(escape(f"{entry['name']}: {'; '.join(error.messages)}")) from error

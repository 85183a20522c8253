"""manage.py upload_file: put a file into the bucket, and register it."""

from __future__ import annotations

import hashlib
import mimetypes
import sys
import zlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from portal.files import bucket
from portal.files.models import File
from portal.files.removals import claim
from xaccel.commands.printing import error_text, escape


class Command(BaseCommand):
    """One small file, which is read at once; prints its id."""

    help = "Put a file into the bucket of an origin, which is created if it is missing, and grant it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", help="- is stdin")
        parser.add_argument("--origin", default="documents")
        parser.add_argument("--name", required=True)
        parser.add_argument("--user", action="append", default=[], dest="users", metavar="USERNAME")
        parser.add_argument("--group", action="append", default=[], dest="groups", metavar="GROUP")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["origin"] not in settings.XACCEL["ORIGINS"]:
            raise CommandError(escape(f"{options['origin']}: not in XACCEL['ORIGINS']"))
        content = sys.stdin.buffer.read() if options["path"] == "-" else Path(options["path"]).read_bytes()
        name = options["name"]
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        with transaction.atomic():
            claim(options["origin"], name)
            self._store(options, content, content_type)

    def _store(self, options: dict[str, Any], content: bytes, content_type: str) -> None:
        name = options["name"]
        try:
            etag = bucket.put(
                File(origin=options["origin"], key=name, name=name, content_type=content_type), content
            )
        except bucket.StoringFailed as error:
            raise CommandError(error_text(error)) from error
        call_command(
            "seed_file",
            origin=options["origin"],
            key=name,
            name=name,
            size=len(content),
            content_type=content_type,
            sha256=hashlib.sha256(content).hexdigest(),
            crc32=zlib.crc32(content),
            etag=etag,
            users=options["users"],
            groups=options["groups"],
            stdout=self.stdout,
        )

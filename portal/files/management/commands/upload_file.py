"""manage.py upload_file: put a file into the bucket, and register it."""

from __future__ import annotations

import hashlib
import mimetypes
import sys
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser


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
        origin, name = settings.XACCEL["ORIGINS"].get(options["origin"], {}), options["name"]
        if origin.get("type") != "s3":
            raise CommandError(f"{options['origin']}: not an origin of type s3")
        bucket = origin["bucket"]
        content = sys.stdin.buffer.read() if options["path"] == "-" else Path(options["path"]).read_bytes()
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        client = botocore.session.Session().create_client(
            "s3",
            endpoint_url=origin.get("endpoint_url"),
            region_name=origin.get("region"),
            aws_access_key_id=origin.get("access_key"),
            aws_secret_access_key=origin.get("secret_key"),
            config=Config(s3={"addressing_style": origin.get("addressing_style", "auto")}),
        )
        try:
            try:
                client.head_bucket(Bucket=bucket)
            except ClientError:
                client.create_bucket(Bucket=bucket)
            client.put_object(Bucket=bucket, Key=name, Body=content, ContentType=content_type)
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"{name}: {error}") from error
        call_command(
            "seed_file",
            origin=options["origin"],
            key=name,
            name=name,
            size=len(content),
            content_type=content_type,
            sha256=hashlib.sha256(content).hexdigest(),
            users=options["users"],
            groups=options["groups"],
            stdout=self.stdout,
        )

"""Make the portal's database and static files, then add users, files and a history; seed.py runs this as a process.

Reads one JSON object from standard input and writes one to standard output.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from portal.demo.identity import PEOPLE
from portal.demo.samples import Sample, samples
from xaccel.commands.printing import print_data


def main() -> None:
    """Make everything; the input is read only once the database is there."""
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("error_pages", os.environ["PORTAL_ERROR_PAGES"], verbosity=0)
    wanted: dict[str, Any] = json.load(sys.stdin)

    from django.conf import settings
    from django.db import transaction

    from portal.demo.history import make_history
    from portal.files.seeding import add_person

    with transaction.atomic():
        people = {}
        for person in PEOPLE:
            user = add_person(
                person.username,
                wanted["passwords"][person.username],
                full_name=person.full_name,
                groups=person.groups,
                superuser=person.superuser,
            )
            people[person.username] = str(user.pk)
        files = [_add_aged(sample, *wanted["files"][sample.key]) for sample in samples()]
        make_history(Path(settings.XACCEL["TRANSFER_LOG"]))
    print_data([json.dumps({"people": people, "files": files, "xaccel": settings.XACCEL})])


def _add_aged(sample: Sample, size: int, sha256: str) -> str:
    """Add a file as if that had been some days ago; one that is there keeps its dates. Return its primary key."""
    from django.contrib.auth.models import User
    from django.utils.timezone import now

    from portal.files.models import File
    from portal.files.seeding import add_file
    from xaccel import ObjectRef
    from xaccel.django.conf import configuration
    from xaccel.features.archives.crc import find_crc32

    known = File.objects.filter(origin="documents", key=sample.key).exists()
    found = find_crc32(configuration().sender, ObjectRef("documents", sample.key))
    file = add_file(
        key=sample.key,
        name=sample.name,
        size=size,
        sha256=sha256,
        crc32=found.crc32,
        etag=found.etag,
        content_type=sample.content_type,
        folder=sample.folder,
        users=sample.users,
        groups=sample.groups,
        granted_by=User.objects.get(is_superuser=True),
    )
    if not known:
        at = now() - timedelta(days=sample.age_days)
        File.objects.filter(pk=file.pk).update(created_at=at)
        file.grants.update(granted_at=at)
    return str(file.pk)


if __name__ == "__main__":
    main()

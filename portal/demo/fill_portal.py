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


def main() -> None:
    """Make everything; the input is read only once the database is there."""
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("error_pages", Path(os.environ["PORTAL_DATA_DIR"]) / "errors", verbosity=0)
    wanted: dict[str, Any] = json.load(sys.stdin)

    from django.conf import settings
    from django.db import transaction

    from portal.demo.history import make_history
    from portal.files.seeding import add_person

    with transaction.atomic():
        people = {entry["username"]: str(add_person(**entry).pk) for entry in wanted["people"]}
        files = [_add_aged(**entry) for entry in wanted["files"]]
        make_history(Path(settings.XACCEL["TRANSFER_LOG"]))
    json.dump({"people": people, "files": files, "xaccel": settings.XACCEL}, sys.stdout)


def _add_aged(*, age_days: float = 0, **entry: Any) -> str:
    """Add a file as if that had been so many days ago; one that is there keeps its dates. Return its primary key."""
    from django.contrib.auth.models import User
    from django.utils.timezone import now

    from portal.demo.people import PEOPLE
    from portal.files.models import File
    from portal.files.seeding import add_file

    admin = User.objects.get(username=next(person.username for person in PEOPLE if person.superuser))
    known = File.objects.filter(origin=entry.get("origin", "documents"), key=entry["key"]).exists()
    file = add_file(**entry, granted_by=admin)
    if not known:
        at = now() - timedelta(days=age_days)
        File.objects.filter(pk=file.pk).update(created_at=at)
        file.grants.update(granted_at=at)
    return str(file.pk)


if __name__ == "__main__":
    main()

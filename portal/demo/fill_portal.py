"""Make the portal's database and static files, then add users and files; seed.py runs this as a process.

Reads one JSON object from standard input and writes one to standard output.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django
from django.core.management import call_command


def main() -> None:
    """Make everything; the input is read only once the database is there."""
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    wanted: dict[str, Any] = json.load(sys.stdin)

    from portal.files.seeding import add_file, add_person

    people = {entry["username"]: str(add_person(**entry).pk) for entry in wanted["people"]}
    files = [str(add_file(**entry).pk) for entry in wanted["files"]]
    json.dump({"people": people, "files": files}, sys.stdout)


if __name__ == "__main__":
    main()

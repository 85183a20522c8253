"""Users, files and grants in the portal's database."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.demo.bucket import Stored
from portal.demo.identity import Identity
from portal.demo.people import PEOPLE
from portal.demo.place import PROJECT
from xaccel.site import Site, read_mapping


class SeedingFailed(RuntimeError):
    """The portal refused the users or files; the message is the portal's."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """Primary keys: of users by user name, of files in the order given. site: of the portal's settings."""

    people: dict[str, str]
    files: tuple[str, ...]
    site: Site


class Seeder:
    """A process that has begun to make the database."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    def add(self, identity: Identity, files: Iterable[Mapping[str, Any]]) -> Seeded:
        """Add the sample users and `files`: arguments of portal.files.seeding.add_file, and `age_days`.

        Raises SeedingFailed.
        """
        people = [
            {
                "username": person.username,
                "password": identity.passwords[person.username],
                "full_name": person.full_name,
                "groups": list(person.groups),
                "superuser": person.superuser,
            }
            for person in PEOPLE
        ]
        answer, _ = self._process.communicate(json.dumps({"people": people, "files": list(files)}))
        if self._process.returncode != 0:
            raise SeedingFailed(self._log.read_text())
        found = json.loads(answer)
        # NGINX's text and the app come from the same value
        site = read_mapping.read(found["xaccel"], more_keys=["DELIVERY"])
        return Seeded(found["people"], tuple(found["files"]), site)


@contextmanager
def seeder(settings: Mapping[str, str], environ: Mapping[str, str], log: Path) -> Iterator[Seeder]:
    """Begin, so that the database is made while samples go into the bucket; what it says goes to `log`."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.demo.fill_portal"],
            cwd=PROJECT,
            env={**environ, **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # Ctrl-C in the terminal is for the demo, which ends this process itself
            start_new_session=True,
        )
    try:
        yield Seeder(process, log)
    finally:
        process.kill()
        process.communicate()


def entry_of(stored: Stored) -> dict[str, Any]:
    """Return the arguments of add_file for a sample, and its age."""
    sample = stored.sample
    return {
        "key": sample.key,
        "name": sample.name,
        "size": stored.size,
        "content_type": sample.content_type,
        "sha256": stored.sha256,
        "folder": sample.folder,
        "age_days": sample.age_days,
        "users": list(sample.users),
        "groups": list(sample.groups),
    }

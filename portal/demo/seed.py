"""Users, files and grants in the portal's database."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from portal.demo.bucket import Stored
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


Seed = Callable[[Mapping[str, str], Iterable[Stored]], Seeded]
"""Adds the demo's users, with these passwords by user name, and the stored samples. Raises SeedingFailed."""


@contextmanager
def seeder(settings: Mapping[str, str], environ: Mapping[str, str], log: Path) -> Iterator[Seed]:
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

    def seed(passwords: Mapping[str, str], stored: Iterable[Stored]) -> Seeded:
        files = {found.sample.key: (found.size, found.sha256) for found in stored}
        answer, _ = process.communicate(json.dumps({"passwords": {**passwords}, "files": files}))
        if process.returncode != 0:
            raise SeedingFailed(log.read_text())
        found = json.loads(answer)
        # NGINX's text and the app come from the same value
        site = read_mapping.read(found["xaccel"], more_keys=["DELIVERY"])
        return Seeded(found["people"], tuple(found["files"]), site)

    try:
        yield seed
    finally:
        process.kill()
        process.communicate()

"""The demo's users, and the random values of a run: passwords, keys and the bucket's name."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from portal.demo.place import kept_file
from xaccel_testing.servers.processes import write_private


@dataclass(frozen=True, slots=True)
class Person:
    """`about` is printed when the demo starts."""

    username: str
    full_name: str
    about: str
    groups: tuple[str, ...] = ()
    superuser: bool = False


PEOPLE = (
    Person("alice", "Alice Moreau", "files granted to her by name"),
    Person("bob", "Bob Tanaka", "files granted to his group", groups=("finance",)),
    Person("carol", "Carol Ahmed", "no files"),
    Person("admin", "Admin", "no files; sees the statistics and the administration", superuser=True),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """django_key: SECRET_KEY. site_secret: what NGINX and the app share. passwords: by user name."""

    django_key: str = field(repr=False)
    site_secret: str = field(repr=False)
    bucket: str
    passwords: dict[str, str] = field(repr=False)


def read_or_make(folder: Path) -> Identity:
    """Return the identity of `folder`, made and written there at the first use: a folder that is kept keeps it."""
    file = kept_file(folder)
    if file.exists():
        return Identity(**json.loads(file.read_text()))
    made = Identity(
        django_key=secrets.token_urlsafe(50),
        site_secret=secrets.token_urlsafe(32),
        bucket=f"b-{secrets.token_hex(10)}",
        passwords={person.username: _password() for person in PEOPLE},
    )
    write_private(file, json.dumps(asdict(made)))
    return made


def _password() -> str:
    # easy to read out and to type; 60 bits
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))

"""Random values of a run: passwords, keys and the bucket's name. A folder that is kept keeps them."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from portal.demo.people import PEOPLE
from portal.demo.place import kept_file


@dataclass(frozen=True, slots=True)
class Identity:
    """django_key: SECRET_KEY. site_secret: what NGINX and the app share. passwords: by user name."""

    django_key: str = field(repr=False)
    site_secret: str = field(repr=False)
    bucket: str
    passwords: dict[str, str] = field(repr=False)


def read_or_make(folder: Path) -> Identity:
    """Return the identity of `folder`, made and written there at the first use."""
    file = kept_file(folder)
    if file.exists():
        return Identity(**json.loads(file.read_text()))
    made = Identity(
        django_key=secrets.token_urlsafe(50),
        site_secret=secrets.token_urlsafe(32),
        bucket=f"b-{secrets.token_hex(10)}",
        passwords={person.username: _password() for person in PEOPLE},
    )
    with open(file, "w", opener=_private) as out:
        json.dump(asdict(made), out)
    return made


def _password() -> str:
    # easy to read out and to type; 60 bits
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

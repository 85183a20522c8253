"""The demo's users."""

from __future__ import annotations

from dataclasses import dataclass


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

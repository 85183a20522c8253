"""The demo's users."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """listed: shown to whoever runs the demo; the others are there for the check."""

    username: str
    full_name: str
    about: str
    groups: tuple[str, ...] = ()
    superuser: bool = False
    listed: bool = True


PEOPLE = (
    Person("alice", "Alice Moreau", "files granted to her by name"),
    Person("bob", "Bob Tanaka", "files granted to his group", groups=("finance",)),
    Person("carol", "Carol Ahmed", "no file at all"),
    Person("admin", "Admin", "the charts and the administration; no file either", superuser=True),
    Person("prober", "Check", "what only the check looks at", listed=False),
)

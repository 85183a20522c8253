"""The settings page: each key of settings.XACCEL with its meaning, default and an example."""

from __future__ import annotations

from docs.generated.docstrings import default_of, field_table, starred
from xaccel.audit.conf import Configuration as Audit
from xaccel.django.conf import DjangoSettings
from xaccel.site import Cache, Site
from xaccel.site.read_origins import TYPES
from xaccel.site.setting import table


def keys(kind: type = Site) -> str:
    """Return one section for each key: of the site, or of another table."""
    sections = []
    for row in table(kind):
        default = "" if row.required else f" Default: {default_of(row.field)}."
        example = f"\nExample: `{row.example}`\n" if row.example else ""
        sections.append(f"### `{row.key.upper()}`\n\n{starred(row.doc)}{default}\n{example}")
    return "\n".join(sections)


def django() -> str:
    """Return one section for each key that only Django has."""
    return keys(DjangoSettings)


def audit() -> str:
    """Return the table of XACCEL_AUDIT."""
    rows = ["| Key | Default | Meaning |", "|---|---|---|"]
    rows += [
        f"| `{row.key.upper()}` | {default_of(row.field)} | {starred(row.doc)} |" for row in table(Audit)
    ]
    return "\n".join(rows) + "\n"


def origin(kind: str) -> str:
    """Return the table of one type of origin."""
    return field_table(TYPES[kind])


def cache() -> str:
    """Return the table of CACHE."""
    return field_table(Cache)

"""The settings page: each setting with its meaning, when to change it, its default and an example.

The words are in src/xaccel/site/settings.toml.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from docs.generated.docstrings import escaped
from xaccel.audit.settings import AuditSettings
from xaccel.django.conf import DjangoSettings
from xaccel.site import Cache, Site
from xaccel.site.read_mapping import TYPES, SecretSource
from xaccel.site.setting import Setting, table
from xaccel.site.site import Archives, Grants, Redirects, Uploads

SHARED = table(TYPES["s3"]).keys() & table(TYPES["http"]).keys() - {"expires_s"}
"""Options that both kinds of remote origins have. `expires_s` means something else in each."""


def site() -> str:
    """Return the keys of a site."""
    return _sections(table(Site).values(), 3)


def secret_source() -> str:
    """Return the keys that can be given in place of SECRET."""
    return _sections(table(SecretSource).values(), 3)


def django() -> str:
    """Return the keys that only Django has."""
    return _sections(table(DjangoSettings).values(), 3)


def audit() -> str:
    """Return the keys of XACCEL_AUDIT."""
    return _sections(table(AuditSettings).values(), 3)


def origin(kind: str) -> str:
    """Return the options that one type of origin has for itself."""
    return _sections((row for row in table(TYPES[kind]).values() if row.key not in SHARED), 4)


def shared() -> str:
    """Return the options that both types of remote origins have."""
    return _sections((row for row in table(TYPES["s3"]).values() if row.key in SHARED), 4)


def cache_options() -> str:
    """Return the options of CACHE."""
    return _sections(table(Cache).values(), 3)


def archive_options() -> str:
    """Return the options of ARCHIVES."""
    return _sections(table(Archives).values(), 3)


def upload_options() -> str:
    """Return the options of UPLOADS."""
    return _sections(table(Uploads).values(), 3)


def grant_options() -> str:
    """Every option of GRANTS."""
    return _sections(table(Grants).values(), 3)


def redirect_options() -> str:
    """Every option of REDIRECTS."""
    return _sections(table(Redirects).values(), 3)


def _sections(rows: Iterable[Setting], level: int) -> str:
    return "\n".join(_section(row, level) for row in rows)


def _section(row: Setting, level: int) -> str:
    key, words = row.key, row.words
    default = words.get("default") or (not row.required and f"`{_default(row)}`.")
    return (
        f"{'#' * level} `{key}`\n\n{escaped(words['doc'])} {escaped(words['change'])}\n\n"
        f"{f'Default: {default}' if default else 'Required.'} "
        f'Example: `"{key}": {words["example"]}`\n'
    )


def _default(row: Setting) -> str:
    value = row.field.default_factory() if callable(row.field.default_factory) else row.field.default
    if isinstance(value, str):
        return json.dumps(value)
    return repr(list(value) if isinstance(value, tuple) else value)


def every() -> Iterator[Setting]:
    """Yield each setting of each table."""
    for kind in (
        Site,
        SecretSource,
        DjangoSettings,
        Cache,
        Archives,
        Grants,
        Redirects,
        Uploads,
        *TYPES.values(),
        AuditSettings,
    ):
        yield from table(kind).values()

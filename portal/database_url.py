"""Read the portal's database from a URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def read_database(url: str, data_dir: Path) -> dict[str, Any]:
    """Make the entry of DATABASES of a postgresql:// URL, or of `data_dir`/portal.sqlite3 when it is empty.

    The URL's parts are percent-encoded; its query goes to psycopg (?sslmode=require). Creates `data_dir` and an empty
    portal.sqlite3 that only this user can read, unless they exist.
    Raises ImproperlyConfigured for another scheme or a URL without a database name.
    """
    if not url:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = data_dir / "portal.sqlite3"
        if not file.exists():
            # SQLite would create it readable by every user, with sessions and password hashes in it
            file.touch(mode=0o600)
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": file,
            "OPTIONS": {
                # A transaction that first reads and then writes fails at once when another process wrote
                # in between; IMMEDIATE makes it wait its turn. https://docs.djangoproject.com/en/stable/ref/databases/
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    parts = urlsplit(url)
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in ("postgresql", "postgres") or not name:
        raise ImproperlyConfigured(
            "PORTAL_DATABASE_URL: not the URL of a PostgreSQL database. "
            "Write postgresql://user:password@host:port/name, or leave it out for SQLite."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }

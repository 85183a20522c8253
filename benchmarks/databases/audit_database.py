"""A PostgreSQL with the tables of the audit trail, and Django on it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.servers.postgres import postgres_server


@contextmanager
def migrated(folder: Path) -> Iterator[str]:
    """Run a server with an empty trail; yields its address."""
    with postgres_server(folder) as server:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            pool.submit(_migrate, server.dsn).result()
        yield server.dsn


def setup(dsn: str) -> None:
    """Make this process a Django with the audit trail there."""
    import dj_database_url
    import django
    from django.conf import settings

    settings.configure(
        DATABASES={"default": dj_database_url.parse(dsn, conn_max_age=60, conn_health_checks=True)},
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "xaccel.django",
            "xaccel.audit",
        ],
        XACCEL={
            "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
            "ORIGINS": {
                "documents": {
                    "type": "http",
                    "base_url": "https://files.example/",
                }
            },
        },
        SECRET_KEY="only for a benchmark",
        USE_TZ=True,
    )
    django.setup()


def _migrate(dsn: str) -> None:
    setup(dsn)
    from django.core.management import call_command

    call_command("migrate", "xaccel_audit", verbosity=0)

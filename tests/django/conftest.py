"""Django is set up here, for this folder alone: the environment stays as it was, for tests that start processes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import django
import pytest

SETTINGS = "tests.django.settings"
_before = os.environ.get("DJANGO_SETTINGS_MODULE")
# A pytest process has one Django: with the settings of other tests, these are left out.
collect_ignore_glob = [] if _before in (None, SETTINGS) else ["test_*.py"]
# The environments of the other Pythons have no SDKs of clouds.
NEED_SDKS = ["test_sdk_storages.py", "test_storage_overrides.py", "test_tenant_storages.py"]
collect_ignore = [] if find_spec("azure") and find_spec("google.cloud") else NEED_SDKS
if not collect_ignore_glob:
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    django.setup()
    if _before is None:
        del os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    """No cache and no memory of another test."""
    from django.core.cache import cache

    from xaccel.django.conf import configuration

    cache.clear()
    configuration.cache_clear()
    yield
    cache.clear()


@pytest.fixture
def site(settings: Any) -> Callable[..., None]:
    """Changes keys of settings.XACCEL: site(DELIVERY="stream")."""

    def change(**keys: Any) -> None:
        settings.XACCEL = {**settings.XACCEL, **keys}

    return change


@pytest.fixture
def ada(django_user_model: Any) -> Any:
    """A user."""
    return django_user_model.objects.create_user(username="ada", password="x")


@pytest.fixture
def lax_column(db: None) -> Callable[[str, str], None]:
    """Makes a text column ignore case, as all of MySQL and MariaDB do: lax_column("table", "column")."""
    from django.db import connection

    def change(table: str, column: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [table])
            statement = re.sub(rf'("{column}" varchar\(\d+\))', r"\1 COLLATE NOCASE", cursor.fetchone()[0])
            assert "NOCASE" in statement
            cursor.execute(f'DROP TABLE "{table}"')
            cursor.execute(statement)

    return change


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """What the two signals told, in order: (request, event)."""
    from xaccel.django import download_authorized, download_denied

    told: list[Any] = []

    def record(sender: Any, *, request: Any, event: Any, **_: Any) -> None:
        told.append((request, event))

    for signal in (download_authorized, download_denied):
        signal.connect(record)
    yield told
    for signal in (download_authorized, download_denied):
        signal.disconnect(record)

"""People and files of the portal's tests.

They need the portal's settings, and a pytest process has one Django: `pytest --ds=tests.portal.settings tests/portal`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

    from portal.files.models import File

OURS = os.environ.get("DJANGO_SETTINGS_MODULE") == "tests.portal.settings"
collect_ignore_glob = [] if OURS else ["test_*.py"]


def pytest_report_header() -> list[str]:
    return [] if OURS else ["portal: left out, run `pytest --ds=tests.portal.settings tests/portal`"]


@pytest.fixture
def person(db: None) -> Callable[..., User]:
    """Makes a user by name."""
    from portal.files.seeding import add_person

    def make(username: str, **options: object) -> User:
        return add_person(username, f"password of {username}", **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def file(db: None) -> File:
    """A file granted to nobody."""
    from portal.files.seeding import add_file

    return add_file(
        key="reports/2025 #1.pdf",
        name="Report.pdf",
        size=1234,
        content_type="application/pdf",
        sha256="a" * 64,
    )


@pytest.fixture
def mei(person: Callable[..., User], file: File) -> User:
    """A user who was given the file."""
    from portal.files.models import Grant

    user: User = person("mei")
    Grant.objects.create(file=file, user=user)
    return user


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """Makes a browser in which the user is signed in."""
    from django.test import Client

    def make(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make

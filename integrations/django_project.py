"""What all Django projects here need before they start: tables, and users who are signed in."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client


def migrate() -> None:
    """Make the tables. Nobody needs them after a crash, so SQLite does not wait for the disk: hundreds of migrations
    took minutes."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = OFF")
    call_command("migrate", verbosity=0, skip_checks=True)


def cookie(user: Any) -> dict[str, str]:
    """Return the request header of a new session of `user`."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"Cookie": f"{name}={client.cookies[name].value}"}

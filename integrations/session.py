"""Sign a user of a Django project in, for requests from outside."""

from typing import Any

from django.conf import settings
from django.test import Client


def cookie(user: Any) -> dict[str, str]:
    """Return the request header of a new session of `user`."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"Cookie": f"{name}={client.cookies[name].value}"}

"""Settings that the projects of these tests share: the side of this process, its folders and its user.

Each project runs in its own process and reads them from its environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

SIDE = os.environ["MIGRATION_SIDE"]
BEFORE = SIDE == "before"
MEDIA = os.environ["MIGRATION_MEDIA"]
BUCKET = os.environ["MIGRATION_BUCKET"]
PARTNER = os.environ["MIGRATION_PARTNER"]

COMMON: dict[str, Any] = {
    "SECRET_KEY": "tests-only-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": ["127.0.0.1"],
    "USE_TZ": True,
    "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
    "DATABASES": {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{os.environ['MIGRATION_FOLDER']}/{SIDE}.sqlite3",
        }
    },
    "INSTALLED_APPS": [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        *([] if BEFORE else ["xaccel.django"]),
        "tests.migration.library",
    ],
    "MIDDLEWARE": [
        *([] if BEFORE else ["xaccel.django.HandOffMiddleware"]),
        "tests.migration.side.UserOfCookie",
    ],
}


class UserOfCookie:
    """Signs in whom the cookie "user" names; "staff" is one of the staff."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        from django.contrib.auth.models import AnonymousUser, User

        name = request.COOKIES.get("user")
        request.user = User(pk=1, username=name, is_staff=name == "staff") if name else AnonymousUser()
        return self.get_response(request)

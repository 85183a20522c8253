"""A Django project in one file, for the contenders that need one."""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings

from tests.adapters.apps.asked import SITE


def configure(urls: str, *apps: str, **more: Any) -> None:
    """Set Django up for this process, with its URLs in the module `urls`."""
    if settings.configured:
        return
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls,
        SECRET_KEY="only for tests",
        INSTALLED_APPS=[*apps, "xaccel.django"],
        MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
        XACCEL=SITE,
        USE_TZ=True,
        **more,
    )
    django.setup()


def at_coroutines(app: Any) -> Any:
    """Wrap an ASGI app whose coroutines are at /adownload/, so that they answer at /download/."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].replace("/download/", "/adownload/")
        await app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    return asgi

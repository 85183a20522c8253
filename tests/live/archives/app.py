"""The app of the live tests of archives: a Django project in one file. The members of an archive are in a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path

FOLDER = Path(os.environ["ARCHIVES_FOLDER"])

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for tests",
        INSTALLED_APPS=["xaccel.django", "xaccel.audit"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(FOLDER / "trail.sqlite3"),
                "OPTIONS": {"timeout": 60},
            }
        },
        USE_TZ=True,
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
                "LOCATION": str(FOLDER / "cache"),
            }
        },
        XACCEL=json.loads((FOLDER / "site.json").read_text()),
    )
    django.setup()

from xaccel import ObjectRef  # noqa: E402
from xaccel.django import deny_download  # noqa: E402
from xaccel.django.archives import send_zip  # noqa: E402
from xaccel.features.archives.members import ZipMember  # noqa: E402


def allowed(subject: str, ref: ObjectRef) -> bool:
    """A file in this folder takes the permission away: of a user, or of a user and an object."""
    if (FOLDER / "denied" / subject).exists():
        if (FOLDER / "denied" / subject).read_text() == "fails":
            raise OSError("the database is down")
        return False
    return not (FOLDER / "denied" / f"{subject} {ref.key}").exists()


def archive(request: HttpRequest, name: str) -> HttpResponseBase:
    subject = request.headers.get("X-User", "alice")
    if (FOLDER / "denied" / subject).exists():
        deny_download(request, subject=subject)
    rows = json.loads((FOLDER / "archives" / f"{name}.json").read_text())
    members = [
        ZipMember(
            ObjectRef(origin, url=key) if key.startswith("http") else ObjectRef(origin, key),
            name=label,
            size=size,
            crc32=crc32,
            etag=etag,
        )
        for label, size, crc32, origin, key, etag in rows
    ]
    return send_zip(request, members, filename=f"{name}.zip", subject=subject, check=allowed)


urlpatterns = [path("zip/<name>", archive)]
application = get_wsgi_application()

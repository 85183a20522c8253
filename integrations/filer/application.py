"""How to start it: with xaccel, and with filer's own server on the disk of the app."""

import json
from collections.abc import Callable
from pathlib import Path

from integrations.application import Application, Private


def prepare(run: Callable[..., str], file: Path) -> Private:
    run("-m", "django", "startproject", "mysite", ".")
    return Private(**json.loads(run("-m", "integrations.filer.fill", str(file))))


APPLICATION = Application(
    packages=("django-filer", "easy-thumbnails", "django", "django-storages"),
    application="django.core.wsgi:get_wsgi_application()",
    sides={
        "xaccel": {"DJANGO_SETTINGS_MODULE": "integrations.filer.settings"},
        "local": {"DJANGO_SETTINGS_MODULE": "integrations.filer.before"},
    },
    prepare=prepare,
)

"""How to start it: with xaccel, with Wagtail's redirect to the bucket, and with its view that reads the file."""

import json
from collections.abc import Callable
from pathlib import Path

from integrations.application import Application, Private


def prepare(run: Callable[..., str], file: Path) -> Private:
    run("-m", "wagtail.bin.wagtail", "start", "mysite", ".")
    return Private(**json.loads(run("-m", "integrations.wagtail.fill", str(file))))


BEFORE = {"DJANGO_SETTINGS_MODULE": "integrations.wagtail.before"}
APPLICATION = Application(
    packages=("wagtail", "django", "django-storages"),
    application="mysite.wsgi:application",
    sides={
        "xaccel": {
            "DJANGO_SETTINGS_MODULE": "integrations.wagtail.settings",
            "ROOT_URLCONF": "integrations.wagtail.urls",
        },
        "redirect": BEFORE,
        "serve_view": {**BEFORE, "SERVE_METHOD": "serve_view"},
    },
    prepare=prepare,
)

"""How to start it: with xaccel, and with media that the web server sends."""

import json
from collections.abc import Callable
from pathlib import Path

from integrations.application import Application, Private


def prepare(run: Callable[..., str], file: Path) -> Private:
    """Fill the helpdesk."""
    return Private(**json.loads(run("-m", "integrations.helpdesk.fill", str(file))))


APPLICATION = Application(
    packages=("django-helpdesk", "django", "django-storages"),
    application="django.core.wsgi:get_wsgi_application()",
    sides={
        "xaccel": {"DJANGO_SETTINGS_MODULE": "integrations.helpdesk.settings"},
        "media": {"DJANGO_SETTINGS_MODULE": "integrations.helpdesk.before"},
    },
    prepare=prepare,
)

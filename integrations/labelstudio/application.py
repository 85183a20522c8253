"""How to start it: with xaccel, with presigned URLs, and with Label Studio's proxy."""

import json
from collections.abc import Callable
from pathlib import Path

from integrations.application import Application, Private


def prepare(run: Callable[..., str], file: Path) -> Private:
    """Fill the project."""
    return Private(**json.loads(run("-m", "integrations.labelstudio.fill", str(file)).splitlines()[-1]))


ENV = {
    "BASE_DATA_DIR": "data",
    "COLLECT_ANALYTICS": "false",
    "DJANGO_DB": "sqlite",
    "FRONTEND_SENTRY_DSN": "",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",
    "SSRF_PROTECTION_ENABLED": "false",  # the tests' storage is on the loopback address
    "collect_analytics": "false",
}
BEFORE = {**ENV, "DJANGO_SETTINGS_MODULE": "integrations.labelstudio.before"}
APPLICATION = Application(
    packages=("label-studio", "django"),
    application="django.core.wsgi:get_wsgi_application()",
    sides={
        "xaccel": {
            **ENV,
            "DJANGO_SETTINGS_MODULE": "integrations.labelstudio.settings",
            "PRESIGN": "false",
        },
        "presign": {**BEFORE, "PRESIGN": "true"},
        "proxy": {**BEFORE, "PRESIGN": "false"},
    },
    prepare=prepare,
)

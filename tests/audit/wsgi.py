"""The views of the audit's tests under a real server, on the database and the site of the test that starts it."""

from __future__ import annotations

import json
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.audit.settings"

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections

settings.XACCEL = json.loads(os.environ["AUDIT_SITE"])
connections["default"].settings_dict.update(NAME=os.environ["AUDIT_DATABASE_NAME"], CONN_MAX_AGE=60)
application = get_wsgi_application()

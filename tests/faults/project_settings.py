"""Settings of the app of the topology: the environment names the file of its site, and the servers of its database."""

from __future__ import annotations

import json
import os
from pathlib import Path

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["xaccel.django", "xaccel.audit"]
MIDDLEWARE = ["xaccel.django.HandOffMiddleware"]
ROOT_URLCONF = "tests.faults.project_urls"
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "app",
        # both servers: libpq takes the one that can be written to
        "HOST": os.environ["FAULTS_DATABASE_HOSTS"],
        "OPTIONS": {"target_session_attrs": "read-write", "connect_timeout": 3},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
XACCEL = json.loads(Path(os.environ["FAULTS_SITE"]).read_text(encoding="utf-8"))
LOGGING = {"version": 1, "disable_existing_loggers": False}

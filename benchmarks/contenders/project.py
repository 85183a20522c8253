"""The Django project that all contenders of Django's are part of: what `startproject` makes, with users in a database.

BENCH_PROJECT, JSON, says where everything is (`benchmarks.contenders.place.Place`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

from benchmarks.contenders.place import Place

PLACE = Place(**json.loads(os.environ["BENCH_PROJECT"]))

_S3 = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": PLACE.bucket,
        "endpoint_url": PLACE.endpoint,
        "region_name": PLACE.region,
        "access_key": PLACE.access_key,
        "secret_key": PLACE.secret_key,
        "addressing_style": "path",
        "signature_version": "s3v4",
    },
}
_DIRECTORY = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {"location": PLACE.files, "base_url": "/media/"},
}

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="benchmarks.contenders.urls",
        SECRET_KEY="only for measurements",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "xaccel.django",
            "django_sendfile",
            "private_storage",
            "benchmarks.contenders",
        ],
        MIDDLEWARE=[
            *(["benchmarks.contenders.calls.counted"] if "BENCH_CALLS" in os.environ else []),
            "xaccel.django.HandOffMiddleware",
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": PLACE.database,
                "CONN_MAX_AGE": None,
            }
        },
        # tables as they are at the end: migrating to them takes seconds
        MIGRATION_MODULES=dict.fromkeys(("auth", "contenttypes", "sessions")),
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STORAGES={
            "default": _S3,
            "directory": _DIRECTORY,
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
        MEDIA_ROOT=PLACE.files,
        MEDIA_URL="/media/",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        USE_TZ=True,
        XACCEL=PLACE.xaccel(),
        # django-sendfile2, https://django-sendfile2.readthedocs.io/en/latest/backends.html#nginx-backend
        SENDFILE_BACKEND="django_sendfile.backends.nginx",
        SENDFILE_ROOT=PLACE.files,
        SENDFILE_URL=f"/{Path(PLACE.files).name}",
        # django-private-storage, its README, "Other storages" and "Using on S3"
        PRIVATE_STORAGE_CLASS="private_storage.storage.s3boto3.PrivateS3BotoStorage",
        PRIVATE_STORAGE_AUTH_FUNCTION="private_storage.permissions.allow_authenticated",
        PRIVATE_STORAGE_S3_REVERSE_PROXY=True,
        AWS_PRIVATE_STORAGE_BUCKET_NAME=PLACE.bucket,
        AWS_PRIVATE_S3_ENDPOINT_URL=PLACE.endpoint,
        AWS_PRIVATE_S3_REGION_NAME=PLACE.region,
        AWS_PRIVATE_S3_ACCESS_KEY_ID=PLACE.access_key,
        AWS_PRIVATE_S3_SECRET_ACCESS_KEY=PLACE.secret_key,
        AWS_PRIVATE_S3_ADDRESSING_STYLE="path",
        AWS_PRIVATE_S3_SIGNATURE_VERSION="s3v4",
    )
    django.setup()

application = WSGIHandler()

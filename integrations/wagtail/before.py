"""The settings of a Wagtail site with its media in a private bucket, without xaccel."""

import os

from mysite.settings.production import *

SECRET_KEY = "only-for-tests-0123456789abcdefghijklmnopqrstuvw"
ALLOWED_HOSTS = ["*"]
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": os.environ["BUCKET"],
            "addressing_style": "path",
            "signature_version": "s3v4",
            "file_overwrite": False,
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
ROOT_URLCONF = os.environ.get("ROOT_URLCONF", "mysite.urls")
WAGTAILDOCS_SERVE_METHOD = os.environ.get("SERVE_METHOD")

"""The same project with its media in a bucket, and xaccel."""

from integrations.helpdesk.before import *

STORAGES = {
    "default": {
        "BACKEND": "integrations.helpdesk.storages.PrivateMedia",
        "OPTIONS": {
            "bucket_name": os.environ["BUCKET"],
            "addressing_style": "path",
            "signature_version": "s3v4",
            "file_overwrite": False,
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MEDIA_ROOT = ""
ROOT_URLCONF = "integrations.helpdesk.urls"
INSTALLED_APPS += ["xaccel.django"]
MIDDLEWARE = ["xaccel.django.HandOffMiddleware", *MIDDLEWARE]
XACCEL = {
    "ORIGINS": {"media": {"storage": "default"}},
    "RESPONSE_HEADERS": ["Cross-Origin-Opener-Policy", "Referrer-Policy", "X-Frame-Options"],
}

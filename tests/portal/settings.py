"""The portal's own settings, with an origin that no test reaches; on PORTAL_DATABASE_URL where it is set."""

import os

BUCKET, ENDPOINT, ACCESS_KEY = (
    "bucket-that-must-not-show",
    "http://storage.invalid:9123",
    "ACCESSKEYTHATMUSTNOTSHOW",
)
S3_SECRET = "storage-secret-that-must-not-show"

os.environ.update(
    PORTAL_SECRET_KEY="only-for-the-tests-of-the-portal-0123456789abcdef",
    PORTAL_S3_BUCKET=BUCKET,
    PORTAL_S3_ENDPOINT=ENDPOINT,
    PORTAL_S3_REGION="us-east-1",
    PORTAL_S3_ACCESS_KEY=ACCESS_KEY,
    PORTAL_S3_SECRET_KEY=S3_SECRET,
)
for name in (
    "PORTAL_DEBUG",
    "PORTAL_DELIVERY",
    "PORTAL_HTTPS",
    "PORTAL_TRUSTED_PROXY",
    "PORTAL_XACCEL_EXTRA",
):
    os.environ.pop(name, None)

from portal.settings import *  # noqa: E402, F403

# pytest-django runs with DEBUG off, as people do; the hashed names of static files need collectstatic.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if not os.environ.get("PORTAL_DATABASE_URL"):
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

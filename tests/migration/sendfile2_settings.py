"""A project on django-sendfile2, with its settings for NGINX; after, with one setting changed."""

from tests.migration.side import BEFORE, COMMON, MEDIA

globals().update(COMMON)
ROOT_URLCONF = "tests.migration.sendfile2_urls"
STORAGES = {
    name: {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": MEDIA}}
    for name in ("disk", "bucket")
}
SENDFILE_ROOT = f"{MEDIA}/protected"
SENDFILE_URL = "/protected"
SENDFILE_BACKEND = "django_sendfile.backends.nginx" if BEFORE else "xaccel.django"
XACCEL = {"ORIGINS": {}}

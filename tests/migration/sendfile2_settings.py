"""A project on django-sendfile2, with its settings for NGINX, and the origin that the guide adds."""

from tests.migration.side import COMMON, MEDIA

globals().update(COMMON)
ROOT_URLCONF = "tests.migration.sendfile2_urls"
STORAGES = {
    name: {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": MEDIA}}
    for name in ("disk", "bucket")
}
SENDFILE_ROOT = f"{MEDIA}/protected"
SENDFILE_URL = "/protected"
SENDFILE_BACKEND = "django_sendfile.backends.nginx"
XACCEL = {"ORIGINS": {"protected": {"type": "local", "root": SENDFILE_ROOT}}}

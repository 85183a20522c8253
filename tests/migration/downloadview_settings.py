"""A project on django-downloadview, whose local files NGINX sends and whose remote ones it streams."""

from tests.migration.side import BEFORE, BUCKET, COMMON, MEDIA, PARTNER

globals().update(COMMON)
ROOT_URLCONF = "tests.migration.downloadview_urls"
STORAGES = {
    "disk": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": f"{MEDIA}/protected", "base_url": "/media/"},
    },
    "bucket": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"bucket_name": BUCKET}},
}
if BEFORE:
    INSTALLED_APPS = [*COMMON["INSTALLED_APPS"], "django_downloadview"]
    MIDDLEWARE = ["django_downloadview.SmartDownloadMiddleware", *COMMON["MIDDLEWARE"]]
    DOWNLOADVIEW_BACKEND = "django_downloadview.nginx.XAccelRedirectMiddleware"
    DOWNLOADVIEW_RULES = [
        {"source_url": "/media/", "destination_url": "/optimized-download/"},
        {"source_dir": f"{MEDIA}/protected", "destination_url": "/optimized-download/"},
    ]
else:
    XACCEL = {
        "ORIGINS": {
            "files": {"storage": "disk"},
            "bucket": {"storage": "bucket"},
            "partner": {"type": "http", "base_url": PARTNER},
        }
    }

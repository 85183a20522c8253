"""A project on django-private-storage: a directory through NGINX, and a bucket through Django."""

from tests.migration.side import BEFORE, BUCKET, COMMON, MEDIA

globals().update(COMMON)
ROOT_URLCONF = "tests.migration.private_storage_urls"
if BEFORE:
    import os

    INSTALLED_APPS = [*COMMON["INSTALLED_APPS"], "private_storage"]
    PRIVATE_STORAGE_ROOT = f"{MEDIA}/protected"
    PRIVATE_STORAGE_AUTH_FUNCTION = "private_storage.permissions.allow_staff"
    PRIVATE_STORAGE_SERVER = "nginx"
    PRIVATE_STORAGE_INTERNAL_URL = "/private-x-accel-redirect/"
    PRIVATE_STORAGE_S3_REVERSE_PROXY = True
    AWS_PRIVATE_STORAGE_BUCKET_NAME = BUCKET
    AWS_PRIVATE_S3_ENDPOINT_URL = os.environ["AWS_ENDPOINT_URL_S3"]
    AWS_PRIVATE_S3_SIGNATURE_VERSION = "s3v4"
    AWS_PRIVATE_S3_REGION_NAME = "us-east-1"
    STORAGES = {
        "disk": {"BACKEND": "private_storage.storage.files.PrivateFileSystemStorage"},
        "bucket": {"BACKEND": "private_storage.storage.s3boto3.PrivateS3BotoStorage"},
    }
else:
    STORAGES = {
        "disk": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": f"{MEDIA}/protected"},
        },
        "bucket": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"bucket_name": BUCKET}},
    }
    XACCEL = {"ORIGINS": {"private": {"storage": "disk"}, "bucket": {"storage": "bucket"}}}

"""A user's project, all of whose documents lie in one bucket. The environment says where S3 is, as in production."""

SECRET_KEY = "tests-only-0123456789-abcdefghijklmnopqrstuvwxyz"
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["xaccel.django"]
MIDDLEWARE = ["xaccel.django.HandOffMiddleware"]
STORAGES = {
    "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"bucket_name": "documents"}},
}
XACCEL = {"ORIGINS": {"documents": {"storage": "default"}}}

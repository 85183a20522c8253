"""The smallest settings: no database. Credentials are found as botocore finds them, for example in the environment."""

import os

SECRET_KEY = os.environ.get("SECRET_KEY", "django-insecure-example")
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["xaccel.django"]
MIDDLEWARE = ["xaccel.django.HandOffMiddleware"]
XACCEL = {"ORIGINS": {"documents": {"type": "s3", "bucket": "documents"}}}

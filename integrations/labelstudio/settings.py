"""The same settings with xaccel."""

from integrations.labelstudio.before import *

INSTALLED_APPS += ["integrations.labelstudio.xaccel_media.XaccelMedia", "xaccel.django"]
MIDDLEWARE = ["xaccel.django.HandOffMiddleware", *MIDDLEWARE]
S3_ENDPOINT = os.environ["AWS_ENDPOINT_URL_S3"]
XACCEL = {"ORIGINS": {"s3": {"type": "http", "base_url": f"{S3_ENDPOINT}/", "expires_s": 300}}}

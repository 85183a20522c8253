"""The same site with xaccel."""

from integrations.wagtail.before import *

STORAGES["default"]["BACKEND"] = "integrations.wagtail.storages.PrivateMedia"
INSTALLED_APPS += ["xaccel.contrib.wagtail", "xaccel.django"]
MIDDLEWARE = ["xaccel.django.HandOffMiddleware", *MIDDLEWARE]
XACCEL = {
    "ORIGINS": {"media": {"storage": "default"}},
    "RESPONSE_HEADERS": ["Cross-Origin-Opener-Policy", "Referrer-Policy", "X-Frame-Options"],
}

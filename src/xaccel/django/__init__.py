"""xaccel for Django: the app's view decides, NGINX delivers."""

from xaccel.django.decisions import adeny_download, deny_download, download_authorized, download_denied
from xaccel.django.middleware import HandOffMiddleware
from xaccel.django.send_file import asend_file, check_file, send_file
from xaccel.django.views import DownloadView

__all__ = [
    "DownloadView",
    "HandOffMiddleware",
    "adeny_download",
    "asend_file",
    "check_file",
    "deny_download",
    "download_authorized",
    "download_denied",
    "send_file",
]

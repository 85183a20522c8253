"""xaccel for Django: the app's view decides, NGINX delivers.

Everything that a view calls is imported from here. ZIP archives, uploads, grants and private media are loaded at their
first use, so that a worker without them does not pay for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xaccel.django.decisions import adeny_download, deny_download, download_authorized, download_denied
from xaccel.django.middleware import HandOffMiddleware
from xaccel.django.send_file import asend_file, check_file, send_file
from xaccel.django.views import DownloadView

if TYPE_CHECKING:
    from xaccel.django.archives import asend_zip, send_zip
    from xaccel.django.grants import revoke
    from xaccel.django.media import AppURLs, MediaView, find_row
    from xaccel.django.uploads.forms import upload_form
    from xaccel.django.uploads.models import Upload
    from xaccel.django.uploads.receive import areceive_file, areceived, receive_file, received

__all__ = [
    "AppURLs",
    "DownloadView",
    "HandOffMiddleware",
    "MediaView",
    "Upload",
    "adeny_download",
    "areceive_file",
    "areceived",
    "asend_file",
    "asend_zip",
    "check_file",
    "deny_download",
    "download_authorized",
    "download_denied",
    "find_row",
    "receive_file",
    "received",
    "revoke",
    "send_file",
    "send_zip",
    "upload_form",
]

_MODULES = {
    "archives": ("asend_zip", "send_zip"),
    "grants": ("revoke",),
    "media": ("AppURLs", "MediaView", "find_row"),
    "uploads.forms": ("upload_form",),
    "uploads.models": ("Upload",),
    "uploads.receive": ("areceive_file", "areceived", "receive_file", "received"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import the module of a public name at its first use."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)

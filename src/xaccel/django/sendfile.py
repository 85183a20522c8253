"""`sendfile()` with the signature and the settings of django-sendfile2: a project comes over by an import.

https://django-sendfile2.readthedocs.io, version 0.7.2.
"""

from __future__ import annotations

import mimetypes
import os
from os.path import normpath

from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from xaccel.django.conf import configuration
from xaccel.django.files.sendfile_root import NGINX, SWITCH, holds, origin_of_root, sendfile_root
from xaccel.django.send_file import send_file
from xaccel.errors import ConfigError

__all__ = ["sendfile"]


def sendfile(  # noqa: PLR0917
    request: HttpRequest,
    filename: str | os.PathLike[str],
    attachment: bool = False,
    attachment_filename: object = None,
    mimetype: str | None = None,
    encoding: str | None = None,
    content_length: int | None = None,
) -> HttpResponseBase:
    """Return the answer that makes NGINX send a file that lies below SENDFILE_ROOT.

    `filename` is its path, absolute or below SENDFILE_ROOT. `attachment_filename` None is the file's own name, and
    False or "" the name that a browser reads from the address; what else is no text is made one. `mimetype`
    is guessed from the path if missing. `encoding` is taken and not used: NGINX never passed it on. `content_length` is
    what the line tells as the file's size.

    Raises Http404 for a path that leaves SENDFILE_ROOT and, unless SENDFILE_CHECK_FILE_EXISTS is False, for a file that
    is not there; ConfigError for settings that xaccel cannot honour, and what `send_file` raises.
    """
    require_backend()
    site, root = configuration().site, sendfile_root()
    path = normpath(os.path.join(root, os.fspath(filename)))
    if path == root or not holds(root, path):
        raise Http404(f"{path} is not below SENDFILE_ROOT")
    if getattr(settings, "SENDFILE_CHECK_FILE_EXISTS", True) and not os.path.exists(path):
        raise Http404(f"{path} does not exist")
    origin, inside = origin_of_root(site, root)
    return send_file(
        request,
        inside + path.removeprefix(f"{root}/"),
        origin=origin,
        as_attachment=bool(attachment),
        filename=_name(request, attachment_filename, path),
        content_type=mimetype or _type_of(path),
        size=content_length,
    )


def require_backend() -> None:
    """Raise ConfigError where SENDFILE_BACKEND wants another way of sending than NGINX's."""
    backend = getattr(settings, "SENDFILE_BACKEND", None)
    if backend not in (None, SWITCH, NGINX):
        raise ConfigError(
            f"{backend!r} is not how xaccel sends files",
            where="SENDFILE_BACKEND",
            remedy=f'Set it to "{SWITCH}". For development without NGINX set XACCEL["DELIVERY"] = "stream".',
        )


def _name(request: HttpRequest, wanted: object, path: str) -> str | None:
    if wanted is None or wanted:
        return None if wanted is None else str(wanted)
    # Chromium's rule where Content-Disposition has no name; NGINX is always told one
    name = request.path.rpartition("/")[2] or "download"
    return name if os.path.splitext(name)[1] else name + os.path.splitext(path)[1]


def _type_of(path: str) -> str | None:
    """As django-sendfile2 guesses, by the system's table too; None for what is compressed, which is no inner type."""
    guessed, encoding = mimetypes.guess_type(f"/{os.path.basename(path)}")
    return None if encoding else guessed or "application/octet-stream"

"""What a developer sees who forgot NGINX: an empty 200. It is said once, in the log."""

from __future__ import annotations

from functools import lru_cache

from django.http import HttpRequest

from xaccel.events import logger


def warn_without_nginx(request: HttpRequest) -> None:
    """Log a warning at the first hand-off of this process that Django's development server answers."""
    if str(request.META.get("SERVER_SOFTWARE", "")).startswith("WSGIServer/"):
        _warn()


@lru_cache(maxsize=1)
def _warn() -> None:
    logger.warning(
        "Django's development server answered a download with an empty hand-off, which only NGINX turns into the file."
        " Open NGINX's port, or set XACCEL['DELIVERY'] = 'stream' for development without NGINX."
    )

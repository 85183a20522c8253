"""Middleware that counts the requests to an app: each adds a byte to the file BENCH_CALLS, for all its processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

_FILE = os.open(os.environ["BENCH_CALLS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def counted(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Count a request, and answer it."""

    def middleware(request: HttpRequest) -> Any:
        os.write(_FILE, b".")
        return get_response(request)

    return middleware

"""Plain WSGI: a first download, through the standard library's own environ."""

from __future__ import annotations

from typing import Any
from wsgiref.util import setup_testing_defaults

from xaccel.wsgi import Downloads

PARTNER = {"type": "http", "base_url": "http://192.0.2.1/"}
files = Downloads({"SECRET": "0123456789-abcdefghijklmnopqrstuv", "ORIGINS": {"partner": PARTNER}})


def ask(**more: str) -> tuple[str, dict[str, str], bytes]:
    environ: dict[str, Any] = {**more}
    setup_testing_defaults(environ)
    begun: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        begun.append((status, dict(headers)))

    body = files.send_file(environ, start_response, "a b.pdf", as_attachment=True, etag="v1")
    return (*begun[0], b"".join(body))


status, headers, body = ask()
assert (status[:3], body) == ("200", b"")
assert headers["X-Accel-Redirect"] == "/_xaccel/partner"
assert headers["Xaccel-Url"] == "http://192.0.2.1/a%20b.pdf"
assert ask(HTTP_IF_NONE_MATCH='"v1"')[0][:3] == "304"

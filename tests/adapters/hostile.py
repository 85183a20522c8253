"""Hostile input for the adapters: decisions that an app took over from its users, and requests from clients."""

from __future__ import annotations

from typing import Any, NamedTuple

LONG = "x" * 1100
INJECTED = "\r\nX-Injected: 1\r\n\r\n<script>"


class Case(NamedTuple):
    """Arguments of send_file, and what answers: 400 with the name of an error, or a status."""

    arguments: dict[str, Any]
    answer: str | int


def _of(origin: str, *keys: str, answer: str | int) -> list[Case]:
    return [Case({"key": key, "origin": origin}, answer) for key in keys]


def _option(error: str | int, **options: Any) -> Case:
    return Case({"key": "notes.txt", "origin": "documents", "options": options}, error)


def _url(error: str | int, url: str, **more: Any) -> Case:
    return Case({"url": url, **more}, error)


_REFUSED_EVERYWHERE = ("", "a\x00b", "\ud800", LONG)
_UP = (
    "..\\..\\etc\\passwd",
    "..",
    "../report.pdf",
    "a/../../etc/passwd",
    "shelf/..",
    "./report.pdf",
    "a//../report.pdf",
)
_LOOK_LIKE_PATHS = (
    "%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "@xaccel_file",
    "_xaccel/media/shelf/report.pdf",
    "$uri",
    "report.pdf?x=1",
    "report.pdf#x",
    "report.pdf%00.txt",
    f"a{INJECTED}",
    "a\u2028b",
)
CASES: list[Case] = [
    *_of("documents", *_REFUSED_EVERYWHERE, *_UP, answer="KeyRefused"),
    *_of("partner", *_REFUSED_EVERYWHERE, *_UP, answer="KeyRefused"),
    *_of(
        "media",
        *_REFUSED_EVERYWHERE,
        *_UP,
        "/etc/passwd",
        "//etc/passwd",
        "shelf/",
        "shelf//report.pdf",
        answer="KeyRefused",
    ),
    *_of("documents", *_LOOK_LIKE_PATHS, answer=404),
    *_of("media", *_LOOK_LIKE_PATHS, "shelf", answer=404),
    *_of("../media", "shelf/report.pdf", answer="OriginUnknown"),
    *_of("documents\r\nX-Injected: 1", "report.pdf", answer="OriginUnknown"),
    *(
        Case({"key": "report.pdf", "origin": "tenants", "bucket": bucket}, "OriginNotAllowed")
        for bucket in ("elsewhere", "../{tenant_bucket}", "{tenant_bucket}/..", "{tenant_bucket}?", "")
    ),
    *(
        _option("FileNameRefused", filename=name)
        for name in (f"a{INJECTED}", "a\nb", "a\x00.pdf", "\ud800.pdf", "\x7f", "a\u2028b.pdf")
    ),
    *(
        _option(200, filename=name, as_attachment=True)
        for name in (
            '"; filename="x.exe',
            "\u202efdp.exe",
            "../../x",
            "%0d%0aX-Injected: 1",
        )
    ),
    *(
        _option(error, **{name: value})
        for name, error in (
            ("content_type", "OptionRefused"),
            ("etag", "OptionRefused"),
            ("content_security_policy", "HeaderRefused"),
        )
        for value in (f"text/plain{INJECTED}", "a\x00b", "\ud800")
    ),
    _option("HeaderRefused", cache_control=f"private{INJECTED}"),
    _option("HeaderRefused", subject=f"ada{INJECTED}"),
    _option("OptionRefused", concurrency=f"guests{INJECTED}"),
    *(
        _option("HeaderRefused", headers=headers)
        for headers in (
            {"X-Robots-Tag": f"a{INJECTED}"},
            {f"X-Robots-Tag: a{INJECTED}": "b"},
            {"X-Accel-Redirect": "/_xaccel/media/shelf/page.html"},
            {"Xaccel-Auth": "a"},
            {"Xaccel-Url": "http://127.0.0.1/"},
            {"Set-Cookie": "a=b"},
            {"Content-Length": "1"},
            {"Transfer-Encoding": "chunked"},
        )
    ),
    *(
        _url("OriginNotAllowed", url)
        for url in (
            "file:///etc/passwd",
            "http://127.0.0.1:1/x",
            "{partner}.evil.example/files/report.pdf",
            "{partner}@evil.example/files/report.pdf",
            "{partner}/other/report.pdf",
            "//evil.example/files/report.pdf",
            "{partner}/files/../admin",
            "{partner}/files/%2e%2e/admin",
            "{partner}/files/a\r\nX-Injected: 1",
            "{partner}/files/a b",
            "{partner}/files/a#b",
            "{documents}/../other/report.pdf",
        )
    ),
]
DECISIONS = {f"hostile-{number}": {"send": case.arguments} for number, case in enumerate(CASES)}

INTERNAL = (
    "/_xaccel/documents",
    "/_xaccel/media/shelf/report.pdf",
    "//_xaccel/media/shelf/report.pdf",
    "/%5fxaccel/media/shelf/report.pdf",
    "/download/../_xaccel/media/shelf/report.pdf",
    "/download/report/%2e%2e/%2e%2e/_xaccel/media/shelf/report.pdf",
    "/download/report/..%2f..%2f_xaccel%2fmedia%2fshelf%2freport.pdf",
    "/@xaccel_file",
    "/@xaccel_fetch",
)
"""Paths by which a client would reach what only the app may."""

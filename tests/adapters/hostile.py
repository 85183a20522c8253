"""Hostile input for the adapters: valid arguments, and paths. docs/reference/vectors.json has what is refused."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    """Arguments of send_file that an app took over from its users, and the status that answers."""

    arguments: dict[str, Any]
    status: int


_LOOK_LIKE_PATHS = (
    "%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "@xaccel_file",
    "_xaccel/media/shelf/report.pdf",
    "$uri",
    "report.pdf?x=1",
    "report.pdf#x",
    "report.pdf%00.txt",
    "a\r\nX-Injected: 1\r\n\r\n<script>",
    "a\u2028b",
)
_NAMES = ('"; filename="x.exe', "\u202efdp.exe", "../../x", "%0d%0aX-Injected: 1")
CASES: list[Case] = [
    *(Case({"key": key, "origin": "documents"}, 404) for key in _LOOK_LIKE_PATHS),
    *(Case({"key": key, "origin": "media"}, 404) for key in (*_LOOK_LIKE_PATHS, "shelf")),
    *(
        Case(
            {"key": "notes.txt", "origin": "documents", "options": {"filename": name, "as_attachment": True}},
            200,
        )
        for name in _NAMES
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

"""NGINX locations for the portal's style sheets and scripts."""

from __future__ import annotations

from pathlib import Path

from xaccel.tools.nginx.emit import Directive, block, directive

_TYPES = {
    "text/css": "css",
    "text/javascript": "js",
    "image/svg+xml": "svg",
    "image/png": "png",
    "application/json": "json",
    "text/plain": "txt",
}
_ERRORS = (400, 404, 413, 414, 500, 502, 503, 504)


def error_pages(folder: str) -> list[Directive]:
    """Return the directives for the pages that NGINX sends itself, outside of downloads."""
    return [
        *(directive("error_page", status, f"/_errors/{status}.html") for status in _ERRORS),
        block(
            "location",
            "/_errors/",
            inside=[
                directive("internal"),
                directive("alias", f"{folder}/"),
                block("types", inside=[directive("text/html", "html")]),
                directive("charset", "utf-8"),
            ],
            why="The portal's error pages.",
        ),
    ]


def static_location(folder: Path) -> Directive:
    """Print the location of STATIC_URL."""
    return block(
        "location",
        "/static/",
        inside=[
            directive("alias", f"{folder}/"),
            block("types", inside=[directive(kind, extension) for kind, extension in _TYPES.items()]),
            directive("default_type", "application/octet-stream"),
            directive("add_header", "X-Content-Type-Options", "nosniff"),
            directive("add_header", "Cache-Control", "max-age=3600"),
        ],
        why="Style sheets and scripts of the portal.",
    )

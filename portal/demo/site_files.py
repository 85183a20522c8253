"""NGINX locations for the portal's style sheets and scripts."""

from __future__ import annotations

from pathlib import Path

from xaccel.nginx.emit import Directive, block, directive

_TYPES = {
    "text/css": "css",
    "text/javascript": "js",
    "image/svg+xml": "svg",
    "image/png": "png",
    "application/json": "json",
    "text/plain": "txt",
}


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

"""The server through which `xaccel warm` fills the cache: Unix sockets only, and the command in the app's place."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from xaccel.nginx.emit import Directive, block, directive

NGINX_SOCKET, APP_SOCKET = "nginx.sock", "app.sock"
"""In the directory: where NGINX listens, and where the command answers it while it runs."""


def server(
    folder: str, *, doors: Iterable[Directive], app: Iterable[Directive], downloads: Iterable[Directive]
) -> Directive:
    """Print the server. `doors` opens it, `app` and `downloads` are the parts of an ordinary one."""
    to_command = [
        *doors,
        directive("proxy_pass", f"http://unix:{Path(folder, APP_SOCKET)}"),
        directive("proxy_http_version", "1.1"),
        directive("proxy_set_header", "Host", "xaccel"),
        directive("proxy_set_header", "Connection", ""),
        *app,
    ]
    inside = [
        directive("listen", f"unix:{Path(folder, NGINX_SOCKET)}"),
        directive("access_log", "off"),
        block("location", "/", inside=to_command),
        *downloads,
    ]
    why = (
        "Whoever gets here is sent only what a running `xaccel warm` hands off, and that knows only its own requests."
        " NGINX lets every user connect to the socket: the directory's permissions keep them away."
    )
    return block("server", inside=inside, why=why)

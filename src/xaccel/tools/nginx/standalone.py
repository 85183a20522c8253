"""Write a whole nginx.conf for one site: for a demo, a test, or a machine that does nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from xaccel.errors import NginxError
from xaccel.site import PROTOCOL, Site
from xaccel.site.rules import is_app_server
from xaccel.tools.nginx.emit import Directive, directive, emit, quote
from xaccel.tools.nginx.engine_files import SHUTDOWN, comments
from xaccel.tools.nginx.listener import token_directive
from xaccel.tools.nginx.probe import Nginx
from xaccel.tools.nginx.render import Parts, render

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def standalone(
    site: Site,
    nginx: Nginx,
    *,
    listen: str,
    app: str,
    root_user: str | None = None,
    root_group: str | None = None,
    workers: int | str = 2,
    error_log: str = "error.log",
    access_log: str = "access.log",
    extra_http: Iterable[Directive] = (),
    extra_server: Iterable[Directive] = (),
    parts: Parts | None = None,
) -> str:
    """Return a configuration that runs out of one directory as any user: `nginx -p DIR -c nginx.conf -e stderr`.

    DIR/tmp must exist. `listen` is "address:port"; `app` is "address:port" or "unix:/path" of the app server.
    `root_user` is the user of the workers if the master runs as root, and `root_group` their group, if it has another
    name. `error_log` and `access_log` are paths, relative
    to DIR; "stderr" is one too for the first. `extra_http` and `extra_server` are put behind the parts; `parts`
    replaces the result of `render`.

    Raises NginxError for an invalid address or user, and what `render` raises.
    """
    _require("--listen", listen, is_app_server(listen.replace("*:", "0.0.0.0:", 1)), "127.0.0.1:8080")
    _require("--app", app, is_app_server(app), '127.0.0.1:8000" or "unix:/run/app.sock')
    _require("--user", root_user, root_user is None or _USER.fullmatch(root_user) is not None, "www-data")
    made = parts or render(site, nginx)
    values = {
        "protocol": PROTOCOL,
        "workers": workers,
        "shutdown": SHUTDOWN,
        "app": quote(app),
        "error_log": error_log,
        "access_log": access_log,
    }
    user = [directive("user", *filter(None, [root_user, root_group]))] if root_user else []
    blocks: Mapping[str, Iterable[Directive]] = {
        "main": [*(directive("load_module", path) for path in nginx.load_modules), *user],
        "connections": [directive("worker_connections", 4096, why=comments()["connections"])],
        "http": (*made.engine, *made.http),
        "listen": [directive("listen", listen, why=comments()["send_buffer"])],
        "app": (token_directive(site), *made.app),
        "server": (*made.server, *extra_server),
        "more": tuple(extra_http),
    }
    text = Path(__file__).with_suffix(".conf").read_text(encoding="utf-8")
    text = re.sub(r"@(\w+)@", lambda match: str(values[match[1]]), text)
    return re.sub(
        r"^( *)@(\w+)\n",
        lambda match: emit(found, indent=len(match[1]) // 4) if (found := blocks[match[2]]) else "",
        text,
        flags=re.MULTILINE,
    )


def _require(option: str, value: str | None, ok: bool, example: str) -> None:
    if not ok:
        what = f"{value!r} is not an address or a user that NGINX accepts"
        raise NginxError(what, where=option, remedy=f'For example "{example}".')

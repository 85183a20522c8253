"""A whole nginx.conf around the parts: for a demo, a test, or a machine that does nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xaccel.errors import NginxError
from xaccel.nginx.emit import Directive, Raw, block, comment, directive, emit, phrase
from xaccel.nginx.facts import CONNECTIONS, SEND_BUFFER, SHUTDOWN
from xaccel.nginx.probe import Nginx
from xaccel.nginx.render import Parts, render
from xaccel.site import PROTOCOL, Site
from xaccel.site.rules import authority_ok

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def standalone(
    site: Site,
    nginx: Nginx,
    *,
    listen: str,
    app: str,
    root_user: str | None = None,
    workers: int = 2,
    extra_http: Iterable[Directive] = (),
    extra_server: Iterable[Directive] = (),
    parts: Parts | None = None,
) -> str:
    """Print a configuration that runs out of one directory as any user: `nginx -p DIR -c nginx.conf -e stderr`.

    DIR/tmp must exist. `listen` is "address:port"; `app` is "address:port" or "unix:/path" of the app server.
    `root_user` is the user of the workers where the master runs as root. `extra_http` and `extra_server` are put
    behind the parts; `parts` replaces what `render` makes.

    Raises NginxError for what is no address or user, and what `render` raises.
    """
    _require("--listen", listen, _address_ok(listen), "127.0.0.1:8080")
    _require("--app", app, _address_ok(app), '127.0.0.1:8000" or "unix:/run/app.sock')
    _require("--user", root_user, root_user is None or _USER.fullmatch(root_user) is not None, "www-data")
    made = parts or render(site, nginx)
    temporary = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
    port = Directive(phrase("~(?<xaccel_app_digits>:[0-9]+)$"), (Raw("$xaccel_app_digits"),))
    to_app = [
        directive("proxy_pass", "http://xaccel_app"),
        directive("proxy_http_version", "1.1"),
        directive("proxy_set_header", "Connection", ""),
        directive("proxy_set_header", "Host", phrase("$host$xaccel_app_port")),
        directive("proxy_set_header", "X-Real-IP", Raw("$remote_addr")),
        directive("proxy_set_header", "X-Forwarded-For", Raw("$remote_addr")),
        directive("proxy_set_header", "X-Forwarded-Proto", Raw("$scheme")),
        *made.app,
    ]
    server = [
        directive("listen", listen, why=SEND_BUFFER),
        block("location", "/", inside=to_app, why="The app."),
        *made.server,
        *extra_server,
    ]
    http = [
        *(directive(f"{name}_temp_path", f"tmp/{name}") for name in temporary),
        directive("access_log", "access.log"),
        directive("variables_hash_max_size", 4096),
        directive("server_tokens", "off"),
        directive("sendfile", "on"),
        directive("tcp_nopush", "on"),
        *made.engine,
        *made.http,
        block("upstream", "xaccel_app", inside=[directive("server", app), directive("keepalive", 32)]),
        block(
            "map",
            Raw("$http_host"),
            Raw("$xaccel_app_port"),
            inside=[directive("default", ""), port],
            why="$host is what NGINX checked and took for the name; the port that the client used is not in it.",
        ),
        block("server", inside=server),
        *extra_http,
    ]
    main = [
        *(directive("load_module", path) for path in nginx.load_modules),
        *([directive("user", root_user)] if root_user else []),
        directive("daemon", "off"),
        directive("worker_processes", workers),
        directive("worker_rlimit_nofile", 20000),
        directive(
            "worker_shutdown_timeout",
            SHUTDOWN,
            why="How long a worker that a reload or QUIT ends may still send downloads. What is not sent then is cut.",
        ),
        directive("pid", "nginx.pid"),
        directive("error_log", "error.log", "warn"),
        directive("pcre_jit", "on"),
        block("events", inside=[directive("worker_connections", 4096, why=CONNECTIONS)]),
        block("http", inside=http),
    ]
    heading = "\n".join(comment(f"A whole nginx.conf, for hand-off protocol {PROTOCOL}."))
    return f"{heading}\n{emit(main)}"


def _address_ok(address: str) -> bool:
    if address.startswith("unix:/"):
        return " " not in address
    return ":" in address and authority_ok(address.replace("*:", "0.0.0.0:", 1))


def _require(option: str, value: str | None, ok: bool, example: str) -> None:
    if not ok:
        raise NginxError(
            f"{value!r} is nothing that NGINX takes", where=option, remedy=f'For example "{example}".'
        )

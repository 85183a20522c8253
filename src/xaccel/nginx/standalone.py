"""A whole nginx.conf around the parts: for a demo, a test, or a machine that does nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from xaccel.nginx.emit import Directive, Raw, block, directive, emit, phrase
from xaccel.nginx.probe import Nginx
from xaccel.nginx.render import Parts, app_block, render
from xaccel.site import Site


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

    Raises what `render` raises.
    """
    made = parts or render(site, nginx)
    http = [
        *(
            directive(f"{name}_temp_path", f"tmp/{name}")
            for name in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
        ),
        directive("access_log", "access.log"),
        directive("variables_hash_max_size", 4096),
        directive("server_tokens", "off"),
        directive("sendfile", "on"),
        directive("tcp_nopush", "on"),
        *made.http,
        app_block(app),
        block(
            "map",
            Raw("$http_host"),
            Raw("$xaccel_app_port"),
            inside=[
                directive("default", ""),
                Directive(phrase("~(?<xaccel_app_digits>:[0-9]+)$"), (Raw("$xaccel_app_digits"),)),
            ],
            why="$host is what NGINX checked and took for the name; the port that the client used is not in it.",
        ),
        block(
            "server",
            inside=[
                directive("listen", listen),
                block(
                    "location",
                    "/",
                    inside=[
                        directive("proxy_pass", "http://xaccel_app"),
                        directive("proxy_http_version", "1.1"),
                        directive("proxy_set_header", "Connection", ""),
                        directive("proxy_set_header", "Host", phrase("$host$xaccel_app_port")),
                        directive("proxy_set_header", "X-Real-IP", Raw("$remote_addr")),
                        directive("proxy_set_header", "X-Forwarded-For", Raw("$remote_addr")),
                        directive("proxy_set_header", "X-Forwarded-Proto", Raw("$scheme")),
                        *made.app,
                    ],
                    why="The app.",
                ),
                *made.server,
                *extra_server,
            ],
        ),
        *extra_http,
    ]
    main = [
        *(directive("load_module", path) for path in nginx.load_modules),
        *([directive("user", root_user)] if root_user else []),
        directive("daemon", "off"),
        directive("worker_processes", workers),
        directive("worker_rlimit_nofile", 20000),
        directive("worker_shutdown_timeout", "30s"),
        directive("pid", "nginx.pid"),
        directive("error_log", "error.log", "warn"),
        block("events", inside=[directive("worker_connections", 4096)]),
        block("http", inside=http),
    ]
    return emit(main)

"""The NGINX behind: an origin with and without TLS, and a stub app that only hands off."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from benchmarks.clients.wrk import Stored
from benchmarks.servers import classic
from xaccel import ObjectRef, Options, Sender
from xaccel.site import Site
from xaccel.tools.nginx.emit import Raw, block, directive, emit

WORKERS = 2
KEEPALIVE_REQUESTS = 1_000_000
"""To the app, so that its connections are no part of what is measured. The origin has NGINX's default of 1,000."""


def answers_of(
    site: Site, files: Mapping[str, Stored], recipes: Mapping[str, int]
) -> dict[str, dict[str, str]]:
    """Return the headers of each path that the stub app answers; `recipes`: the origin's port by path."""
    sender = Sender(site)
    found: dict[str, dict[str, str]] = {}
    for name, stored in files.items():
        options = Options(as_attachment=True, subject="42", size=stored.size, cache_version="1")
        for origin in site.origins:
            found[f"/{origin}/{name}"] = dict(
                sender.hand_off(ObjectRef(origin, name), options=options).headers
            )
        for path, port in recipes.items():
            found[f"/{path}/{name}"] = classic.hand_off(f"https://127.0.0.1:{port}/{name}")
        found[f"/internal/{name}"] = {"X-Accel-Redirect": f"/files/{name}"}
    return {**found, "/empty": {}}


def back_text(
    folder: Path,
    app: str,
    tls: Mapping[int, str],
    plain: int,
    answers: Mapping[str, Mapping[str, str]],
    *,
    log: bool,
) -> str:
    """Print the NGINX: the origin at each port of `tls`, with that certificate, and at `plain`; the app at `app`.

    `log`: the origin writes a line a request, the number of its connection.
    """
    files = directive("root", str(folder / "files"))
    http = [
        *(
            directive(f"{name}_temp_path", f"tmp/{name}")
            for name in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
        ),
        directive("sendfile", "on"),
        directive("access_log", "off"),
        directive("log_format", "connection", Raw("$connection")),
        *(
            block(
                "server",
                inside=[
                    directive("listen", f"127.0.0.1:{port}", "ssl"),
                    directive("ssl_certificate", str(folder / certificate)),
                    directive("ssl_certificate_key", str(folder / certificate)),
                    *([directive("access_log", "origin.log", "connection")] if log else []),
                    files,
                ],
            )
            for port, certificate in tls.items()
        ),
        block(
            "server",
            inside=[
                directive("listen", f"127.0.0.1:{plain}"),
                *([directive("access_log", "origin.log", "connection")] if log else []),
                files,
            ],
        ),
        block(
            "server",
            inside=[
                directive("listen", app),
                directive("keepalive_requests", KEEPALIVE_REQUESTS),
                *(
                    block(
                        "location",
                        "=",
                        path,
                        inside=[
                            *(directive("add_header", *header) for header in headers.items()),
                            directive("return", "200"),
                        ],
                    )
                    for path, headers in answers.items()
                ),
                block(
                    "location",
                    "/redirect/",
                    inside=[
                        directive(
                            "rewrite",
                            Raw("^/redirect(/.+)$"),
                            Raw(f"https://127.0.0.1:{next(iter(tls))}$1"),
                            "redirect",
                        )
                    ],
                ),
            ],
        ),
    ]
    return emit(
        [
            *([directive("user", "root")] if os.geteuid() == 0 else []),
            directive("daemon", "off"),
            directive("worker_processes", WORKERS),
            directive("worker_rlimit_nofile", 20000),
            directive("pid", "nginx.pid"),
            directive("error_log", "error.log", "warn"),
            block("events", inside=[directive("worker_connections", 4096)]),
            block("http", inside=http),
        ]
    )

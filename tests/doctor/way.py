"""What is broken between the client, NGINX, the app and the storage: more rows of the table, and all of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from http.client import HTTPException
from pathlib import Path

import tests.doctor.archives
import tests.doctor.grants
import tests.doctor.more_operators
import tests.doctor.operators
import tests.doctor.strangers
import tests.doctor.two_nginx
import tests.doctor.uploads  # noqa: F401  (their rows)
from tests.doctor.breakages import (
    ROWS,
    app_at,
    ask_new_server,
    asks,
    before,
    breaks,
    conf,
    fill,
    in_http,
    in_location,
    in_the_app,
    new_server,
    on_disk,
    own_app,
    refuses,
    row,
    small,
)
from tests.doctor.stage import Stage, download, s3_origin
from tests.live.objects import serve
from tests.servers.origin import Answer, Request, origin_server
from xaccel.tools.doctor.location import FrontDoor
from xaccel_testing import free_port
from xaccel_testing.servers.processes import wait_until

TABLE = ROWS
"""All rows."""


def from_media(s: Stage, key: str, *, is_named: bool = True) -> None:
    s.arguments |= {"--download": download(key, "media"), "--object": f"media/{key}" if is_named else ""}


def hangs(s: Stage, more: str = "") -> None:
    """Let NGINX proxy to a server that accepts connections only."""
    server = s.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    conf("http://{app}", f"http://127.0.0.1:{server.getsockname()[1]}{more}")(s)
    asks(timeout="2s")(s)


# NGINX's workers


@breaks(417, "A file of a directory has mode 600", says="may not read")
def _(s: Stage) -> None:
    s.file("media/a.txt").chmod(0o600)
    from_media(s, "a.txt")


@breaks(417, "A file of a directory has mode 600, and no `--object` names it", says="may not read")
def _(s: Stage) -> None:
    s.file("media/a.txt").chmod(0o600)
    from_media(s, "a.txt", is_named=False)


@breaks(417, "A key leads through a symbolic link", says="symbolic link")
def _(s: Stage) -> None:
    s.file("outside").mkdir()
    s.file("outside/b.txt").write_text("b")
    s.file("media/shared").symlink_to(s.file("outside"))
    from_media(s, "shared/b.txt")


row(
    418,
    "NGINX's workers may not enter the folder of the cache",
    lambda s: s.file("var").chmod(0o700),
    says="cache",
)

# NGINX responds itself

AUTH = "auth_basic x; auth_basic_user_file {folder}/none;"
row(617, "`auth_basic` is in the app's location", in_location(AUTH), says="auth_basic")
row(
    617,
    "Your own `location` takes the URL of the download",
    before("location / {", "location ~ ^/send { root /srv; }"),
    says="location ~ ^/send",
)
row(617, "`deny` in the app's location", in_location("deny all;"), says="deny")

# The app responds

row(
    618,
    "The app redirects to https, and does not see that the client uses it",
    in_the_app(middleware="django.middleware.security.SecurityMiddleware", SECURE_SSL_REDIRECT=True),
    says="SECURE_PROXY_SSL_HEADER",
)
row(
    619,
    "ALLOWED_HOSTS of the app lacks the host",
    in_the_app(ALLOWED_HOSTS=["app.example"]),
    says="ALLOWED_HOSTS",
)


@breaks(620, "The app's process has no credentials of the bucket", says="CredentialsUnavailable")
def _(s: Stage) -> None:
    origins = s.settings["ORIGINS"]
    lacking = {**origins["documents"], "access_key": None, "secret_key": None}
    no_keys = {"AWS_EC2_METADATA_DISABLED": "true"}
    app_at(s, own_app(s, no_keys, ORIGINS={**origins, "documents": lacking}))


row(602, "The app accepts connections, and does not respond", hangs, says="does not respond")
row(
    602,
    "`proxy_read_timeout` is shorter than the app needs",
    lambda s: hangs(s, "; proxy_read_timeout 300ms"),
    says="proxy_read_timeout",
)
row(
    605, "The session of the client has expired", asks(header="Cookie: session=old"), "unknown", says="Cookie"
)


# NGINX's configuration


RECIPE = """location ~* ^/private/(.*) {
    internal; resolver 127.0.0.1; set $store https://bucket.s3.amazonaws.com/$1?$args; proxy_pass $store;
}
"""


row(
    216,
    "A recipe with X-Accel-Redirect is left in the server",
    before("location / {", RECIPE),
    "warn",
    says="XA702",
)


@breaks(217, "NGINX caches the app's responses for everybody", says="proxy_cache micro")
def _(s: Stage) -> None:
    in_http("proxy_cache_path {folder}/micro keys_zone=micro:1m use_temp_path=off;")(s)
    in_location("proxy_cache micro; proxy_cache_valid any 10s;")(s)


PASS = "proxy_pass http://{app};"


@breaks(209, "`try_files` leads to another location than that with app.conf", says="@app")
def _(s: Stage) -> None:
    on_disk(PASS, "try_files $uri @app;")(s)
    before("location / {", f"location @app {{ {PASS} }}")(s)


row(
    209,
    "A second location proxies the download, and lacks app.conf",
    before("location / {", f"location /send {{ {PASS} }}"),
    says="location /send",
)
row(
    308,
    "A second server proxies to the app, and has no include",
    lambda s: ask_new_server(s, f"location / {{ {PASS} }}"),
    says="server.conf",
)


@breaks(213, "Another app generated its site into the same folder", says="NAME")
def _(s: Stage) -> None:
    mine = dict(s.settings)
    photos = {"type": "local", "root": str(s.folder / "media")}
    s.settings = {**mine, "ORIGINS": {"photos": photos}, "UPLOADS": None}
    s.file("site.json").write_text(json.dumps(s.settings))
    s.generate()
    s.settings = mine
    s.file("site.json").write_text(json.dumps(mine))


# The storage


@breaks(406, "The storage accepts connections, and does not respond", says="does not respond")
def _(s: Stage) -> None:
    server = s.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    s.origin("archive", **s3_origin(s.backends, endpoint_url=f"http://127.0.0.1:{server.getsockname()[1]}"))
    asks(timeout="2s")(s)


row(410, "The session token of the credentials has expired", refuses("ExpiredToken"), says="expired")
row(413, "A policy of the bucket denies the object", refuses("AccessDenied"), says="policy")
row(413, "The object is archived", refuses("InvalidObjectState"), says="Restore it")
row(413, "The storage limits requests", refuses("SlowDown", 503), says="limits")


@breaks(609, "The storage does not respond to conditions", says="the storage itself")
def _(s: Stage) -> None:
    def answer(request: Request) -> Answer:
        if "Signature" not in request.target:
            return Answer(403)
        return serve(request, b"abc", headers=[("Content-Type", "text/plain")])

    s.storage(answer)
    app_at(s, own_app(s))
    asks(object="archive/x", download=download("x", "archive"))(s)


@breaks(427, "The disk of the cache is full", says="cache")
def _(s: Stage) -> None:
    disk = small(s, "var")
    s.reload()  # NGINX makes the folder of the cache on this disk
    fill(disk)


# Limits and caches before the app


@breaks(622, "`limit_req` in the app's location refuses the second request", says="limit_req")
def _(s: Stage) -> None:
    in_http("limit_req_zone $host zone=few:1m rate=6r/m;")(s)
    in_location("limit_req zone=few;")(s)


@breaks(623, "The view sends the file itself", says="send_file")
def _(s: Stage) -> None:
    def answer(request: Request) -> Answer:
        return Answer(200, [("Content-Type", "text/plain")], b"sent by the app")

    app_at(s, s.stack.enter_context(origin_server(answer)).address)


# NGINX's error log


def is_said(s: Stage, text: str) -> bool:
    return wait_until(lambda: text in s.file("error.log").read_text(), timeout_s=60)


def crowd(s: Stage, text: str) -> None:
    """Connect until NGINX's error log has a text."""
    with contextlib.ExitStack() as clients:
        for _ in range(40):
            clients.enter_context(socket.create_connection(("127.0.0.1", s.port)))
        assert is_said(s, text)


def elsewhere(s: Stage, lines: str, times: int = 1) -> None:
    """Request an own location that has nothing to do with downloads."""
    before("location / {", f"location /elsewhere {{ {lines} }}")(s)
    for _ in range(times):
        FrontDoor.at(s.url).ask("GET", "/elsewhere")


@breaks(801, "More clients come than `worker_connections` allows", says="worker_connections")
def _(s: Stage) -> None:
    conf("events { }", "events { worker_connections 20; }")(s)
    crowd(s, "worker_connections are not enough")


@breaks(801, "NGINX may open too few files", says="worker_rlimit_nofile")
def _(s: Stage) -> None:
    conf("events { }", "worker_rlimit_nofile 30; events { worker_connections 30; }")(s)
    crowd(s, "Too many open files")


@breaks(802, "NGINX's workers may not read a file of an own location", says="reload NGINX: until then")
def _(s: Stage) -> None:
    s.file("media/elsewhere").write_text("x")
    s.file("media/elsewhere").chmod(0o600)
    elsewhere(s, f"root {s.folder}/media;")


@breaks(803, "`limit_req` refuses requests of users", "warn")
def _(s: Stage) -> None:
    in_http("limit_req_zone $host zone=few:1m rate=1r/m;")(s)
    elsewhere(s, "limit_req zone=few; root /srv;", times=2)


row(
    804,
    "One of the apps does not run",
    lambda s: elsewhere(s, f"proxy_pass http://127.0.0.1:{free_port()};"),
    "warn",
)


@breaks(805, "A `listen` with `proxy_protocol` gets requests without it")
def _(s: Stage) -> None:
    port = free_port()
    new_server(f"listen 127.0.0.1:{port} proxy_protocol;")(s)
    with contextlib.suppress(OSError, HTTPException):
        FrontDoor.at(f"http://127.0.0.1:{port}").ask("GET", "/")


row(
    302,
    "The `listen` of the site has `proxy_protocol`, and nothing in front sends it",
    conf(":{port};", ":{port} proxy_protocol;"),
    says="proxy_protocol",
)


@breaks(806, "A worker of NGINX was killed", "warn", says="signal 9")
def _(s: Stage) -> None:
    assert s.nginx is not None
    children = Path(f"/proc/{s.nginx.server.pid}/task/{s.nginx.server.pid}/children").read_text()
    os.kill(int(children.split()[0]), signal.SIGKILL)
    assert is_said(s, "exited on signal 9")


@breaks(301, "The pid file was removed, and NGINX runs and logs errors", says="nginx.pid is wrong")
def _(s: Stage) -> None:
    elsewhere(s, "root /nowhere;")
    assert is_said(s, "No such file")
    s.file("nginx.pid").unlink()

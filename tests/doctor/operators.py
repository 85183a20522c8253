"""Rows of the table that two operators invented without reading the doctor's checks."""

from __future__ import annotations

import os
import resource
import ssl
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import trustme

from tests.doctor.breakages import (
    OTHER_SECRET,
    app_at,
    asks,
    breaks,
    conf,
    fill,
    front,
    in_http,
    in_location,
    in_server,
    in_the_app,
    listen_with_tls,
    new_server,
    on_disk,
    origin,
    own_app,
    refuses,
    row,
    setting,
    small,
)
from tests.doctor.stage import KEY, SESSION, Stage, download, tls_origin
from tests.live.origin.dns_server import dns_server
from tests.servers.origin import Answer, Request, origin_server
from xaccel.signing import endpoint
from xaccel_testing import free_port

# NGINX's configuration


row(
    308,
    "An `if` with an allow-list of paths is in the server",
    in_server("if ($uri !~ ^/(send|static|page)) { return 404; }"),
    says="this `if`",
)
BUFFERS = "connection_pool_size 160; client_header_buffer_size 160; large_client_header_buffers 2 160;"
row(
    617,
    "NGINX's buffers for request lines are too small for the URL",
    in_http(BUFFERS),
    says="large_client_header_buffers",
)


@breaks(218, "A `log_format` has the signed URL", "warn", says="upstream_http_xaccel_url")
def _(s: Stage) -> None:
    in_http("log_format upstreams '$remote_addr $request $upstream_http_xaccel_url';")(s)
    s.change(ACCESS_LOGS=[*s.settings["ACCESS_LOGS"], f"{s.folder}/log/upstreams.log upstreams"])


# Limits and the system


row(
    801,
    "`worker_connections` is too small for a few users",
    conf("events { }", "events { worker_connections 8; }"),
    "warn",
    says="worker_connections",
)


@breaks(801, "The service or container lets NGINX open few files", says="may open 300 files")
def _(s: Stage) -> None:
    assert s.nginx is not None
    resource.prlimit(s.nginx.server.pid, resource.RLIMIT_NOFILE, (300, 300))
    s.reload()


row(
    801,
    "`worker_rlimit_nofile` is below `worker_connections`",
    conf("daemon off;", "daemon off; worker_rlimit_nofile 40;"),
    "warn",
    says="worker_rlimit_nofile",
)
row(
    301,
    "The pid file names a process that has ended, and NGINX runs",
    lambda s: s.file("nginx.pid").write_text("4194300\n"),
    says="nginx.pid is wrong",
)


# Logs and disks


@breaks(501, "The log of transfers is a device", says="regular file")
def _(s: Stage) -> None:
    log = s.file("log/xaccel.log")
    log.unlink()
    log.symlink_to("/dev/full")
    s.reload()


row(
    427,
    "`min_free` of CACHE is more than the disk has",
    lambda s: s.change(CACHE={**s.settings["CACHE"], "min_free": "900000g"}),
    "warn",
    says="min_free",
)


# The app


@breaks(
    605, "A second NGINX before the app follows X-Accel-Redirect itself", "unknown", says="proxy_pass_header"
)
def _(s: Stage) -> None:
    port = free_port()
    between = "access_log off; location / { proxy_pass http://{app}; proxy_set_header Host $http_host; }"
    app_at(s, f"127.0.0.1:{port}")
    new_server(f"listen 127.0.0.1:{port}; {between}")(s)


@breaks(624, "One of two servers of the app has the old secret", says="another secret")
def _(s: Stage) -> None:
    old = own_app(s, SECRET=OTHER_SECRET)
    in_http(f"upstream two {{ server {{app}}; server {old}; }}")(s)
    app_at(s, "two")


row(
    617,
    "The app's location passes no headers of the client",
    in_location("proxy_pass_request_headers off;"),
    says="proxy_pass_request_headers",
)


# The storage


@breaks(413, "A file name is in NFD, and the key in NFC", says="NFC and NFD")
def _(s: Stage) -> None:
    """Copied from a Mac: the file is there with NFD, the database has NFC."""
    s.file("media/Bericht Ma\u0308rz.txt").write_text("a")
    key = "Bericht M\u00e4rz.txt"
    asks(object=f"media/{key}", download=download(key, "media"))(s)


row(
    413,
    "`prefix` of a bucket is wrong",
    origin("documents", prefix="media/"),
    says="Without the prefix the bucket has the object",
)


# TLS, DNS, credentials, what is in front


@breaks(403, "The origin sends no intermediate certificate", says="intermediate")
def _(s: Stage) -> None:
    root = trustme.CA()
    issuing = root.create_child_ca()
    made = issuing.issue_cert("partner.test")
    root.cert_pem.write_to_path(str(s.file("ca.pem")))

    def leaf_only(context: ssl.SSLContext) -> None:
        pem = s.file("leaf.pem")
        pem.write_bytes(made.private_key_pem.bytes() + made.cert_chain_pems[0].bytes())
        context.load_cert_chain(pem)

    s.partner_at(s.stack.enter_context(tls_origin(s.folder / "tls2", leaf_only)))


PAGE = "return 403 '<html>Access denied. Ray ID 8a1b2c</html>';"
row(
    308,
    "A firewall in front refuses clients that are not browsers",
    front(f"default_type text/html; if ($http_user_agent !~ Mozilla) {{ {PAGE} }}"),
    says="User-Agent of a browser",
)


row(
    617,
    "Lines of a location for static files empty the header `Cookie` for the app",
    in_location('proxy_set_header Cookie "";'),
    says="does not pass Cookie",
)
row(
    413,
    "The credentials may not use the key that encrypts the object",
    refuses("AccessDenied", message="not authorized to perform: kms:Decrypt on resource"),
    says="kms:Decrypt",
)
row(
    413,
    "The clock of the app is slow: its signatures have expired when they arrive",
    refuses("AccessDenied", message="Request has expired"),
    says="clock",
)


@breaks(303, "The certificate of the site's address has expired", says="has expired")
def _(s: Stage) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))
    made.private_key_and_cert_chain_pem.write_to_path(str(s.file("own.pem")))
    authority.cert_pem.write_to_path(str(s.file("known.pem")))
    s.stack.enter_context(patch.dict(os.environ, SSL_CERT_FILE=str(s.file("known.pem"))))
    listen_with_tls(s, "own.pem", "own.pem")


@breaks(103, "AWS's shared configuration file cannot be read", says="aws-config")
def _(s: Stage) -> None:
    s.file("aws-config").write_text("[default\nregion = eu-central-1\n")
    s.stack.enter_context(patch.dict(os.environ, AWS_CONFIG_FILE=str(s.file("aws-config"))))
    for kept in (endpoint._endpoint, endpoint._resolve):
        kept.cache_clear()  # a real doctor is another process than the one that generated


# NGINX's messages


row(
    617,
    "`proxy_bind` names an address that the machine had before it moved",
    in_http("proxy_bind 192.0.2.7;"),
    says="`proxy_bind`",
)
COOKIES = asks(header=f"Cookie: session={SESSION}; basket={'0' * 9000}")
row(617, "The cookies of a user have grown beyond NGINX's buffers", COOKIES, says="The cookies")


@breaks(605, "The cookies of a user have grown beyond the app's buffers", "unknown", says="The cookies")
def _(s: Stage) -> None:
    in_http("large_client_header_buffers 4 32k;")(s)
    COOKIES(s)


@breaks(602, "A middleware of the app adds a header of 30 KB", says="The app runs")
def _(s: Stage) -> None:
    large = ("Content-Security-Policy", "img-src " + "https://img.example " * 1500)
    app_at(s, s.stack.enter_context(origin_server(lambda _: Answer(200, [large]))).address)


@breaks(301, "After a reboot another server was first on the port, and NGINX did not start", says="Apache")
def _(s: Stage) -> None:
    def answer(request: Request) -> Answer:
        return Answer(404, [("Server", "Apache/2.4.62 (Debian)")], b"Not Found")

    s.stop()
    other = s.stack.enter_context(origin_server(answer))
    on_disk(":{port};", f":{other.port};")(s)
    asks(url=other.url)(s)


row(
    618,
    "PREPEND_WWW of Django redirects to a host name that does not exist",
    in_the_app(PREPEND_WWW=True),
    says="PREPEND_WWW",
)
row(
    602,
    "`proxy_pass` has https, and the app server speaks HTTP",
    conf("http://{app};", "https://{app};"),
    says="`proxy_pass` has https",
)
row(
    602,
    "`proxy_pass` names [::1], and the app listens on 127.0.0.1",
    lambda s: app_at(s, f"[::1]:{free_port()}"),
    says="listens on 127.0.0.1",
)


# Settings and storages


OFF = "127.0.0.1:9"
row(419, "RESOLVER names a DNS server that was switched off", setting(RESOLVER=[OFF]), says=OFF)
row(
    419,
    "One of two DNS servers of RESOLVER was switched off",
    lambda s: s.change(RESOLVER=[s.stack.enter_context(dns_server()).address, OFF]),
    "warn",
    says=OFF,
)
row(105, "LIMIT_RATE was meant in KB a second", setting(LIMIT_RATE=8_000), "warn", says="bytes")


@breaks(
    420, "`endpoint_url` is the storage's console, whose page is the response to each request", says="HTML"
)
def _(s: Stage) -> None:
    s.storage(
        lambda _: Answer(200, [("Content-Type", "text/html")], b"<!doctype html><title>Console</title>")
    )
    app_at(s, own_app(s))
    asks(download=download(KEY, "archive"), object=f"archive/{KEY}")(s)


# What follows from another failure


row(
    616,
    "A CDN caches downloads and their parts, so that NGINX has no log entry",
    front(
        "proxy_cache edge; proxy_cache_valid 200 10m; proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;",
        "proxy_cache_path {folder}/edge keys_zone=edge:1m use_temp_path=off;",
    ),
)


@breaks(504, "The disk of all logs is full")
def _(s: Stage) -> None:
    place = small(s, "log", "64k")
    s.reload()
    fill(place)

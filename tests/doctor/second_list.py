"""Rows of the table that another operator invented without reading the doctor's checks."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import trustme

from tests.doctor.breakages import app_at, breaks, in_the_app, own_app, refuses, simple
from tests.doctor.first_list import in_http
from tests.doctor.stage import KEY, SESSION, Stage, download
from tests.live.small_disk import small_disk
from tests.servers.origin import Answer, Request, origin_server
from xaccel.signing import endpoint
from xaccel_testing import free_port

simple(
    617,
    "Lines of a location for static files empty the header `Cookie` for the app",
    lambda s: s.edit(
        "nginx.conf", "proxy_set_header Host", 'proxy_set_header Cookie ""; proxy_set_header Host'
    ),
    says="does not pass Cookie",
)
simple(
    413,
    "The credentials may not use the key that encrypts the object",
    lambda s: refuses(s, "AccessDenied", message="not authorized to perform: kms:Decrypt on resource"),
    says="kms:Decrypt",
)
simple(
    413,
    "The clock of the app is slow: its signatures have expired when they arrive",
    lambda s: refuses(s, "AccessDenied", message="Request has expired"),
    says="clock",
)


@breaks(303, "The certificate of the site's address has expired", says="has expired")
def _(s: Stage) -> None:
    authority, port = trustme.CA(), free_port()
    made = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))
    made.private_key_and_cert_chain_pem.write_to_path(str(s.file("site.pem")))
    authority.cert_pem.write_to_path(str(s.file("known.pem")))
    s.stack.enter_context(patch.dict(os.environ, SSL_CERT_FILE=str(s.file("known.pem"))))
    inside = f"listen 127.0.0.1:{port} ssl; ssl_certificate site.pem; ssl_certificate_key site.pem;"
    s.edit("nginx.conf", f"listen 127.0.0.1:{s.port};", f"listen 127.0.0.1:{s.port}; {inside}")
    s.arguments["--url"] = f"https://127.0.0.1:{port}"


@breaks(103, "AWS's shared configuration file cannot be read", says="aws-config")
def _(s: Stage) -> None:
    s.file("aws-config").write_text("[default\nregion = eu-central-1\n")
    s.stack.enter_context(patch.dict(os.environ, AWS_CONFIG_FILE=str(s.file("aws-config"))))
    for kept in (endpoint._endpoint, endpoint._resolve):
        kept.cache_clear()  # a real doctor is another process than the one that generated


# NGINX's messages


simple(
    617,
    "`proxy_bind` names an address that the machine had before it moved",
    lambda s: in_http(s, "proxy_bind 192.0.2.7;"),
    says="`proxy_bind`",
)


def many_cookies(s: Stage) -> None:
    s.arguments["--header"] = f"Cookie: session={SESSION}; basket={'0' * 9000}"


simple(617, "The cookies of a user have grown beyond NGINX's buffers", many_cookies, says="The cookies")


@breaks(605, "The cookies of a user have grown beyond the app's buffers", "unknown", says="The cookies")
def _(s: Stage) -> None:
    in_http(s, "large_client_header_buffers 4 32k;")
    many_cookies(s)


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
    s.edit("nginx.conf", f":{s.port};", f":{other.port};", reload=False)
    s.arguments["--url"] = other.url


simple(
    618,
    "PREPEND_WWW of Django redirects to a host name that does not exist",
    lambda s: in_the_app(s, PREPEND_WWW=True),
    says="PREPEND_WWW",
)


simple(
    602,
    "`proxy_pass` has https, and the app server speaks HTTP",
    lambda s: s.edit("nginx.conf", f"http://{s.backends.app.address}", f"https://{s.backends.app.address}"),
    says="`proxy_pass` has https",
)
simple(
    602,
    "`proxy_pass` names [::1], and the app listens on 127.0.0.1",
    lambda s: app_at(s, f"[::1]:{free_port()}"),
    says="listens on 127.0.0.1",
)


# Settings and storages


def dns_server(s: Stage) -> str:
    """Run a server that answers each query with an empty response."""
    server = s.stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    server.bind(("127.0.0.1", 0))

    def respond() -> None:
        with contextlib.suppress(OSError):
            while True:
                query, client = server.recvfrom(512)
                server.sendto(query[:2] + b"\x80" + query[3:], client)

    threading.Thread(target=respond, daemon=True).start()
    return f"127.0.0.1:{server.getsockname()[1]}"


simple(
    419,
    "RESOLVER names a DNS server that was switched off",
    lambda s: s.change(RESOLVER=["127.0.0.1:9"]),
    says="127.0.0.1:9",
)
simple(
    419,
    "One of two DNS servers of RESOLVER was switched off",
    lambda s: s.change(RESOLVER=[dns_server(s), "127.0.0.1:9"]),
    "warn",
    says="127.0.0.1:9",
)
simple(105, "LIMIT_RATE was meant in KB a second", lambda s: s.change(LIMIT_RATE=8_000), "warn", says="bytes")


@breaks(
    420, "`endpoint_url` is the storage's console, whose page is the response to each request", says="HTML"
)
def _(s: Stage) -> None:
    s.storage(
        lambda _: Answer(200, [("Content-Type", "text/html")], b"<!doctype html><title>Console</title>")
    )
    app_at(s, own_app(s))
    s.arguments |= {"--download": download(KEY, "archive"), "--object": f"archive/{KEY}"}


# What follows from another failure


@breaks(616, "A CDN caches downloads and their parts, so that NGINX has no log entry")
def _(s: Stage) -> None:
    s.front(
        "proxy_cache edge; proxy_cache_valid 200 10m; proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;",
        f"proxy_cache_path {s.folder}/edge keys_zone=edge:1m use_temp_path=off;",
    )


@breaks(504, "The disk of all logs is full")
def _(s: Stage) -> None:
    small = s.stack.enter_context(small_disk(s.folder, "64k", "log"))
    s.stack.callback(s.stop)
    small.chmod(0o755)
    s.reload()
    with contextlib.suppress(OSError):
        (small / "core.1").write_bytes(bytes(100_000))

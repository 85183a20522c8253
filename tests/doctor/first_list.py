"""25 breakages that an operator invented without reading the doctor's checks, and the words of a good diagnosis."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.error import HTTPError
from urllib.request import Request as Asked
from urllib.request import urlopen

import trustme

from tests.doctor.stage import KEY, Stage, download, tls_origin
from tests.servers.origin import Answer, Request, origin_server


@dataclass(frozen=True)
class Invented:
    """`words`: a regular expression that the evidence or the remedy of a finding must contain."""

    name: str
    users_see: str
    words: str
    make: Callable[[Stage], object]


def in_server(stage: Stage, lines: str) -> None:
    stage.edit("nginx.conf", "add_header Strict", f"{lines}\n        add_header Strict")


def in_http(stage: Stage, lines: str) -> None:
    stage.edit("nginx.conf", "    variables_hash", f"    {lines}\n    variables_hash")


def in_location(stage: Stage, lines: str) -> None:
    stage.edit("nginx.conf", "proxy_set_header Host", f"{lines}\n            proxy_set_header Host")


def app_at(stage: Stage, address: str, more: str = "") -> None:
    old = f"proxy_pass http://{stage.backends.app.address};"
    stage.edit("nginx.conf", old, f"proxy_pass http://{address}; {more}")


def other_app(stage: Stage, answer: Callable[[Request], Answer]) -> str:
    return stage.stack.enter_context(origin_server(answer)).address


def of_the_store(status: int, code: str, message: str) -> Answer:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(status, [("Content-Type", "application/xml")], text.encode())


def from_the_store(stage: Stage, answer: Callable[[Request], Answer]) -> None:
    stage.store(answer)
    stage.arguments.update({"--object": f"archive/{KEY}", "--download": ""})


# NGINX's configuration


def only_known_paths(stage: Stage) -> None:
    in_server(stage, "if ($uri !~ ^/(send|static|page)) { return 404; }")


def microcache(stage: Stage) -> None:
    in_http(stage, f"proxy_cache_path {stage.folder}/micro keys_zone=micro:1m;")
    in_location(
        stage, "proxy_cache micro; proxy_cache_valid any 5m; proxy_ignore_headers Cache-Control Expires Vary;"
    )


def long_urls_are_refused(stage: Stage) -> None:
    in_http(stage, "client_header_buffer_size 128; large_client_header_buffers 2 160;")


def private_header_in_log(stage: Stage) -> None:
    in_http(stage, "log_format upstreams '$remote_addr $request $upstream_http_xaccel_url';")
    access = [*stage.settings["ACCESS_LOGS"], f"{stage.folder}/log/upstreams.log upstreams"]
    stage.change(ACCESS_LOGS=access)


def old_inodes(stage: Stage) -> None:
    in_http(stage, "open_file_cache max=1000 inactive=1h; open_file_cache_valid 1h;")


def rate_limit(stage: Stage) -> None:
    in_http(stage, "limit_req_zone $server_name zone=flood:1m rate=2r/m;")
    in_location(stage, "limit_req zone=flood;")


# Limits and the system


def few_connections(stage: Stage) -> None:
    stage.edit("nginx.conf", "events { }", "events { worker_connections 6; }")


def few_descriptors(stage: Stage) -> None:
    stage.edit("nginx.conf", "daemon off;", "daemon off; worker_rlimit_nofile 40;")


def backup_copy(stage: Stage) -> None:
    shutil.copytree(stage.file("xaccel/site"), stage.file("xaccel/.current/site.bak"))


def pid_is_another(stage: Stage) -> None:
    stage.file("nginx.pid").write_text("4194300\n")


# Logs and disks


def rotated_without_reopen(stage: Stage) -> None:
    log = stage.file("log/xaccel.log")
    log.rename(stage.file("log/xaccel.log.1"))
    log.touch()
    shutil.chown(log, "www-data") if os.geteuid() == 0 else None


def log_on_a_full_disk(stage: Stage) -> None:
    log = stage.file("log/xaccel.log")
    log.unlink()
    log.symlink_to("/dev/full")
    stage.reload()


def cache_may_never_fill(stage: Stage) -> None:
    stage.change(CACHE={**stage.settings["CACHE"], "min_free": "900000g"})


# The app


def proxy_between(stage: Stage) -> None:
    """A second NGINX, as of an ingress, follows X-Accel-Redirect itself."""
    from xaccel.testing import free_port

    port, app = free_port(), stage.backends.app.address
    between = f"listen 127.0.0.1:{port}; access_log off; location / {{ proxy_pass http://{app};"
    stage.edit("nginx.conf", "# more servers", f"server {{ {between} proxy_set_header Host $http_host; }} }}")
    app_at(stage, f"127.0.0.1:{port}")


def app_hangs(stage: Stage) -> None:
    listener = stage.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    app_at(stage, f"127.0.0.1:{listener.getsockname()[1]}", "proxy_read_timeout 1s;")


def app_wants_https(stage: Stage) -> None:
    """Django's SECURE_SSL_REDIRECT, and nobody tells the app that the client used https."""

    def answer(request: Request) -> Answer:
        if request.header("X-Forwarded-Proto") == "https":
            return Answer(200, [], b"never")
        host = request.header("Host") or ""
        return Answer(301, [("Location", f"https://{host}{request.target}")])

    app_at(stage, other_app(stage, answer))


def one_of_two_has_the_old_secret(stage: Stage) -> None:
    from urllib.parse import urlsplit

    def answer(request: Request) -> Answer:
        headers = {name: value for name, value in request.headers if name.lower() != "connection"}
        asked = Asked(f"http://{stage.backends.app.address}{request.target}", headers=headers)
        try:
            with urlopen(asked) as response:
                kept = [
                    (n, v) for n, v in response.headers.items() if n.lower() not in ("connection", "date")
                ]
                body, status = response.read(), response.status
        except HTTPError as error:
            return Answer(error.code, [], b"no")
        old = "the-secret-of-last-month-0123456789-abc"
        return Answer(status, [(n, old if n.lower() == "xaccel-auth" else v) for n, v in kept], body)

    second = other_app(stage, answer)
    assert not urlsplit(second).query
    in_http(stage, f"upstream two {{ server {stage.backends.app.address}; server {second}; }}")
    app_at(stage, "two")


def no_cookies_for_the_app(stage: Stage) -> None:
    in_location(stage, "proxy_pass_request_headers off;")


# The storage


def decomposed_name(stage: Stage) -> None:
    """Copied from a Mac: the file is there with NFD, the database has NFC."""
    stage.file("media/Bericht Ma\u0308rz.txt").write_text("a")
    key = "Bericht M\u00e4rz.txt"
    stage.arguments.update({"--object": f"media/{key}", "--download": download(key, "media")})


def in_the_glacier(stage: Stage) -> None:
    message = "The operation is not valid for the object's storage class"
    from_the_store(stage, lambda _: of_the_store(403, "InvalidObjectState", message))


def wrong_prefix(stage: Stage) -> None:
    stage.origin("documents", prefix="media/")


# TLS, DNS, credentials, what is in front


def no_intermediate(stage: Stage) -> None:
    root = trustme.CA()
    issuing = root.create_child_ca()
    made = issuing.issue_cert("partner.test")
    root.cert_pem.write_to_path(str(stage.file("ca.pem")))

    def leaf_only(context: ssl.SSLContext) -> None:
        pem = stage.file("leaf.pem")
        pem.write_bytes(made.private_key_pem.bytes() + made.cert_chain_pems[0].bytes())
        context.load_cert_chain(pem)

    stage.partner_at(stage.stack.enter_context(tls_origin(stage.folder / "tls2", leaf_only)))


def wants_a_client_certificate(stage: Stage) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("partner.test")
    authority.cert_pem.write_to_path(str(stage.file("ca.pem")))

    def prepare(context: ssl.SSLContext) -> None:
        made.configure_cert(context)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

    stage.partner_at(stage.stack.enter_context(tls_origin(stage.folder / "tls2", prepare)))


def profile_is_gone(stage: Stage) -> None:
    known = {**stage.settings["ORIGINS"]["documents"], "profile": "prod-downloads"}
    del known["access_key"], known["secret_key"]
    stage.change(generate=False, ORIGINS={**stage.settings["ORIGINS"], "documents": known})


def firewall_for_bots(stage: Stage) -> None:
    page = "default_type text/html; return 403 '<html>Access denied. Ray ID 8a1b2c</html>';"
    stage.front(f"if ($http_user_agent !~ Mozilla) {{ {page} }}")


INVENTED = [
    Invented(
        "an allow-list of paths in server { }",
        "each download is 404, all pages work",
        r"/_xaccel.*\b(if|return|rewrite)\b|\b(if|return|rewrite)\b.*/_xaccel",
        only_known_paths,
    ),
    Invented(
        "a microcache in the app's location",
        "a user gets a file that only another may have, or an expired signature",
        r"proxy_cache\b",
        microcache,
    ),
    Invented(
        "small buffers for request lines",
        "downloads with long URLs are 414",
        r"large_client_header_buffers",
        long_urls_are_refused,
    ),
    Invented(
        "a log_format with the signed URL",
        "signatures in a log that many read",
        r"upstream_http_xaccel_url",
        private_header_in_log,
    ),
    Invented(
        "open_file_cache", "a replaced file is sent as it was an hour ago", r"open_file_cache", old_inodes
    ),
    Invented("limit_req counts all users as one", "503 for most", r"limit_req", rate_limit),
    Invented(
        "six connections for a worker", "500 or resets at any load", r"worker_connections", few_connections
    ),
    Invented(
        "40 descriptors for a worker", "500 at twenty downloads", r"worker_rlimit_nofile", few_descriptors
    ),
    Invented("a copy site.bak", "no reload works any more", r"site\.bak", backup_copy),
    Invented("a pid file of another process", "reload and log rotation fail", r"nginx\.pid", pid_is_another),
    Invented(
        "the log is rotated, NGINX not told",
        "the trail reads an empty file",
        r"USR1|reopen",
        rotated_without_reopen,
    ),
    Invented(
        "the log's disk is full",
        "no entry of any download",
        r"(?i)no space|disk.*full|full.*disk",
        log_on_a_full_disk,
    ),
    Invented(
        "min_free is more than the disk has",
        "each download comes from the store; egress costs",
        r"min_free",
        cache_may_never_fill,
    ),
    Invented(
        "a second NGINX before the app",
        "404 of each download",
        r"(?i)(another|second|other) (nginx|proxy)|proxy_pass_header|between",
        proxy_between,
    ),
    Invented(
        "the app hangs",
        "504",
        r"(?i)proxy_read_timeout|did not (respond|answer)|no (response|answer)",
        app_hangs,
    ),
    Invented(
        "the app redirects to https for ever",
        "too many redirects",
        r"X-Forwarded-Proto|SECURE_PROXY_SSL_HEADER",
        app_wants_https,
    ),
    Invented(
        "one of two app servers has the old secret",
        "every second download is 404",
        r"(?i)\bsecret\b.*(restart|app server|each|every|all|one of)|(restart|one of|every|each).*\bsecret\b",
        one_of_two_has_the_old_secret,
    ),
    Invented(
        "the app's location passes no request headers",
        "403 or the login for users who are logged in",
        r"proxy_pass_request_headers",
        no_cookies_for_the_app,
    ),
    Invented(
        "a file name from a Mac", "404 though ls shows the file", r"(?i)NF[CD]|normali[sz]", decomposed_name
    ),
    Invented("an object in Glacier", "502", r"(?i)glacier|archiv.*restore|restore", in_the_glacier),
    Invented("a wrong prefix", "404 of each object", r"prefix", wrong_prefix),
    Invented("no intermediate certificate", "502", r"(?i)intermediate|chain", no_intermediate),
    Invented(
        "the origin wants a client certificate",
        "502 or 400",
        r"(?i)client_certificate|client certificate",
        wants_a_client_certificate,
    ),
    Invented("a profile that is gone", "500 in the app", r"(?i)profile", profile_is_gone),
    Invented(
        "a firewall for bots in front",
        "scripts and download managers get 403, browsers the file",
        r"(?i)firewall|CDN|in front|before (this )?NGINX|User-Agent",
        firewall_for_bots,
    ),
]

"""Rows of the table that an operator invented without reading the doctor's checks."""

from __future__ import annotations

import ssl

import trustme

from tests.doctor.breakages import OTHER_SECRET, app_at, breaks, own_app
from tests.doctor.stage import Stage, download, tls_origin
from xaccel_testing import free_port


def in_server(stage: Stage, lines: str) -> None:
    stage.edit("nginx.conf", "add_header Strict", f"{lines}\n        add_header Strict")


def in_http(stage: Stage, lines: str) -> None:
    stage.edit("nginx.conf", "    variables_hash", f"    {lines}\n    variables_hash")


def in_location(stage: Stage, lines: str) -> None:
    stage.edit("nginx.conf", "proxy_set_header Host", f"{lines}\n            proxy_set_header Host")


# NGINX's configuration


@breaks(308, "An `if` with an allow-list of paths is in the server", says="this `if`")
def _(stage: Stage) -> None:
    in_server(stage, "if ($uri !~ ^/(send|static|page)) { return 404; }")


@breaks(
    617, "NGINX's buffers for request lines are too small for the URL", says="large_client_header_buffers"
)
def _(stage: Stage) -> None:
    in_http(
        stage, "connection_pool_size 160; client_header_buffer_size 160; large_client_header_buffers 2 160;"
    )


@breaks(218, "A `log_format` has the signed URL", "warn", says="upstream_http_xaccel_url")
def _(stage: Stage) -> None:
    in_http(stage, "log_format upstreams '$remote_addr $request $upstream_http_xaccel_url';")
    access = [*stage.settings["ACCESS_LOGS"], f"{stage.folder}/log/upstreams.log upstreams"]
    stage.change(ACCESS_LOGS=access)


# Limits and the system


@breaks(801, "`worker_connections` is too small for a few users", "warn", says="worker_connections")
def _(stage: Stage) -> None:
    stage.edit("nginx.conf", "events { }", "events { worker_connections 8; }")


@breaks(801, "`worker_rlimit_nofile` is below `worker_connections`", "warn", says="worker_rlimit_nofile")
def _(stage: Stage) -> None:
    stage.edit("nginx.conf", "daemon off;", "daemon off; worker_rlimit_nofile 40;")


@breaks(301, "The pid file names a process that has ended, and NGINX runs", says="nginx.pid is wrong")
def _(stage: Stage) -> None:
    stage.file("nginx.pid").write_text("4194300\n")


# Logs and disks


@breaks(501, "The log of transfers is a device", says="regular file")
def _(stage: Stage) -> None:
    log = stage.file("log/xaccel.log")
    log.unlink()
    log.symlink_to("/dev/full")
    stage.reload()


@breaks(504, "`min_free` of CACHE is more than the disk has", "warn", says="min_free")
def _(stage: Stage) -> None:
    stage.change(CACHE={**stage.settings["CACHE"], "min_free": "900000g"})


# The app


@breaks(
    605, "A second NGINX before the app follows X-Accel-Redirect itself", "unknown", says="proxy_pass_header"
)
def _(stage: Stage) -> None:
    port, app = free_port(), stage.backends.app.address
    between = f"listen 127.0.0.1:{port}; access_log off; location / {{ proxy_pass http://{app};"
    app_at(stage, f"127.0.0.1:{port}")
    stage.edit("nginx.conf", "# more servers", f"server {{ {between} proxy_set_header Host $http_host; }} }}")


@breaks(624, "One of two servers of the app has the old secret", says="another secret")
def _(stage: Stage) -> None:
    old = own_app(stage, SECRET=OTHER_SECRET)
    in_http(stage, f"upstream two {{ server {stage.backends.app.address}; server {old}; }}")
    app_at(stage, "two")


@breaks(617, "The app's location passes no headers of the client", says="proxy_pass_request_headers")
def _(stage: Stage) -> None:
    in_location(stage, "proxy_pass_request_headers off;")


# The storage


@breaks(413, "A file name is in NFD, and the key in NFC", says="NFC and NFD")
def _(stage: Stage) -> None:
    """Copied from a Mac: the file is there with NFD, the database has NFC."""
    stage.file("media/Bericht Ma\u0308rz.txt").write_text("a")
    key = "Bericht M\u00e4rz.txt"
    stage.arguments.update({"--object": f"media/{key}", "--download": download(key, "media")})


@breaks(413, "`prefix` of a bucket is wrong", says="Without the prefix the bucket has the object")
def _(stage: Stage) -> None:
    stage.origin("documents", prefix="media/")


# TLS, DNS, credentials, what is in front


@breaks(403, "The origin sends no intermediate certificate", says="intermediate")
def _(stage: Stage) -> None:
    root = trustme.CA()
    issuing = root.create_child_ca()
    made = issuing.issue_cert("partner.test")
    root.cert_pem.write_to_path(str(stage.file("ca.pem")))

    def leaf_only(context: ssl.SSLContext) -> None:
        pem = stage.file("leaf.pem")
        pem.write_bytes(made.private_key_pem.bytes() + made.cert_chain_pems[0].bytes())
        context.load_cert_chain(pem)

    stage.partner_at(stage.stack.enter_context(tls_origin(stage.folder / "tls2", leaf_only)))


@breaks(308, "A firewall in front refuses clients that are not browsers", says="User-Agent of a browser")
def _(stage: Stage) -> None:
    page = "return 403 '<html>Access denied. Ray ID 8a1b2c</html>';"
    stage.front(f"default_type text/html; if ($http_user_agent !~ Mozilla) {{ {page} }}")

"""Rows of the table that two more operators invented without reading the doctor's checks."""

from __future__ import annotations

import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unicodedata import normalize

from tests.doctor.breakages import (
    NO_KEY,
    app_at,
    asks,
    before,
    breaks,
    conf,
    new_server,
    own_app,
    row,
    setting,
    small,
)
from tests.doctor.stage import BODY, KEY, Stage, download
from tests.live.objects import serve
from tests.live.origin.dns_server import dns_server
from tests.servers.origin import Answer, Request, origin_server
from tests.servers.relay import relay_to

BLOCKED = b"<html><h1>Access denied</h1><p>Blocked by the security policy of this network.</p></html>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>"


def stored_at(s: Stage, answer: Callable[[Request], Answer], **in_the_app: object) -> None:
    """Let app and NGINX have the documents from a server that answers so. in_the_app: options of its own."""
    s.origin("documents", endpoint_url=s.stack.enter_context(origin_server(answer)).url)
    origins = s.settings["ORIGINS"]
    app_at(s, own_app(s, ORIGINS={**origins, "documents": {**origins["documents"], **in_the_app}}))


def object_with(*headers: tuple[str, str]) -> Callable[[Request], Answer]:
    """Answer as a private bucket with one object that has these headers."""

    def answer(request: Request) -> Answer:
        if "X-Amz-Signature" not in request.target and request.header("Authorization") is None:
            return Answer(403, [("Content-Type", "application/xml")], DENIED)
        if request.method == "PUT":
            return Answer(400)  # of the check of uploads, whose CRC-32 is wrong
        if KEY not in request.target:
            return Answer(404, [("Content-Type", "application/xml")], NO_KEY)
        return serve(request, BODY, headers=[("Content-Type", "text/plain"), *headers])

    return answer


# NGINX


row(
    308,
    "A new server on the same port is the default, and the site's has no `server_name`",
    new_server('listen 127.0.0.1:{port} default_server; return 200 "Welcome to nginx!";'),
    says="server_name",
)


@breaks(
    605, "The app's location is below a path, and `proxy_pass` passes it on", "unknown", says="proxy_pass"
)
def _(s: Stage) -> None:
    conf("location / {", "location /portal/ {")(s)
    asks(download="/portal" + download())(s)


@breaks(427, "The disk of the cache has space, and no inodes", says="inodes")
def _(s: Stage) -> None:
    place = s.folder / "var/cache"
    options = "size=2g,mode=777,nr_inodes=16"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    s.stack.callback(subprocess.run, ["umount", "--lazy", str(place)], check=True)
    s.reload()
    for number in range(16):
        try:
            (place / f"left-{number}").touch()
        except OSError:
            return


# The app


row(
    605,
    "The URL of the download is longer than the app's server takes",
    asks(download=download() + "&from=" + "x" * 4500),
    "unknown",
    says="request line",
)


@breaks(608, "The view of downloads accepts GET only", says="view")
def _(s: Stage) -> None:
    relay = s.stack.enter_context(relay_to(f"http://{s.backends.app.address}"))
    relay.change = lambda request: Answer(405, [("Allow", "GET")]) if request.method == "HEAD" else None
    app_at(s, relay.server.address)


class _Relay(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        host, port = self.server.app.split(":")  # type: ignore[attr-defined]
        with socket.create_connection((host, int(port))) as app:
            back = threading.Thread(target=_pump, args=(app, self.request))
            back.start()
            _pump(self.request, app)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


@breaks(602, "NGINX's workers may not open the socket of the app", says="user of NGINX's workers")
def _(s: Stage) -> None:
    place = s.folder / "app.sock"
    server = s.stack.enter_context(socketserver.ThreadingUnixStreamServer(str(place), _Relay))
    server.app = s.backends.app.address  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    s.stack.callback(server.shutdown)
    place.chmod(0o600)
    app_at(s, f"unix:{place}:")


# The storage


row(
    404,
    "The certificate of an origin is not yet valid: the clock of the machine is a day slow",
    lambda s: s.tls(
        not_before=datetime.now(UTC) + timedelta(days=1), not_after=datetime.now(UTC) + timedelta(days=90)
    ),
    says="not yet valid",
)
row(
    420,
    "A web proxy in front of the storage responds in its place",
    lambda s: stored_at(s, lambda _: Answer(403, [("Content-Type", "text/html")], BLOCKED)),
    says="HTML",
)
row(
    613,
    "The storage kept `aws-chunked` of the upload as Content-Encoding",
    lambda s: stored_at(s, object_with(("Content-Encoding", "aws-chunked"))),
    says="the storage",
)


@breaks(410, "The secret key ends with a newline", says="newline")
def _(s: Stage) -> None:
    s.origin("documents", secret_key=s.backends.s3.secret_key + "\n")
    app_at(s, own_app(s))


@breaks(413, "One of two addresses of `connect_to` lacks the object", says="connect_to")
def _(s: Stage) -> None:
    def without(request: Request) -> Answer:
        return Answer(404, [("Content-Type", "application/xml")], NO_KEY)

    node = s.stack.enter_context(origin_server(without))
    address = s.backends.s3.endpoint.removeprefix("http://")
    s.origin("documents", cache=False, connect_to=[address, node.address])
    app_at(s, own_app(s))


@breaks(413, "The name of an object is in NFD, and the key in NFC", says="NFC and NFD")
def _(s: Stage) -> None:
    stored, asked = (normalize(form, "reports/Übersicht.txt") for form in ("NFD", "NFC"))
    s3, bucket = s.backends.s3, s.backends.bucket
    s3.put(bucket, stored, BODY, "text/plain")
    s.stack.callback(s3.client().delete_object, Bucket=bucket, Key=stored)
    asks(download=download(asked), object=f"documents/{asked}")(s)


@breaks(419, "RESOLVER does not know the host of a redirect", says="files.cdn.test")
def _(s: Stage) -> None:
    names = s.stack.enter_context(dns_server())
    away = Answer(302, [("Location", "http://files.cdn.test/x.txt")])
    mirror = s.stack.enter_context(origin_server(lambda request: away))
    origin = {"type": "http", "base_url": f"{mirror.url}/", "redirect_hosts": ["*.cdn.test"]}
    s.change(RESOLVER=[names.address], ORIGINS={**s.settings["ORIGINS"], "mirror": origin})
    app_at(s, own_app(s))
    asks(download=download("x.txt", "mirror"))(s)


row(105, "LIMIT_RATE is so low that clients give up", setting(LIMIT_RATE=900), says="number of bytes")


@breaks(308, "The file that switches maintenance on was not removed", says="end the maintenance")
def _(s: Stage) -> None:
    (s.folder / "maintenance.on").touch()
    before("location / {", "if (-f {folder}/maintenance.on) { return 503; }")(s)


@breaks(413, "The disk of a directory is not mounted", says="mount its disk")
def _(s: Stage) -> None:
    (s.folder / "media/a.txt").unlink()
    asks(download=download("a.txt", "media"), object="media/a.txt")(s)


@breaks(427, "The disk of the cache is smaller than the default of `min_free`", says="lower `min_free`")
def _(s: Stage) -> None:
    cache = small(s, "var", "48m") / "cache"
    cache.mkdir()
    shutil.chown(cache, "www-data")
    s.reload()


@breaks(606, "The key of S3 was rotated, and the running app has the old one", says="restart it")
def _(s: Stage) -> None:
    documents = {**s.settings["ORIGINS"]["documents"], "secret_key": "the-key-before-the-rotation"}
    app_at(s, own_app(s, ORIGINS={**s.settings["ORIGINS"], "documents": documents}))

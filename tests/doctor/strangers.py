"""Rows of the table that strangers invented, who broke sites with the pages in their hands."""

from __future__ import annotations

import re
import time

from tests.doctor.breakages import (
    NO_KEY,
    app_at,
    asks,
    before,
    breaks,
    front,
    in_http,
    in_location,
    in_server,
    other_endpoint,
    own_app,
    row,
)
from tests.doctor.more_operators import DENIED, stored_at
from tests.doctor.stage import BODY, KEY, Stage
from tests.live.objects import serve
from tests.servers.origin import Answer, Request, origin_server
from xaccel.handoff.identifiers import transfer_id_at
from xaccel.tools.doctor.location import FrontDoor
from xaccel_testing import free_port

# Nothing names the object: the doctor has it from the app's own hand-off.


def bucket(
    s: Stage, *, signed: bool = True, unsigned: bool = False, tag: str = '"one"', **in_the_app: object
) -> None:
    """Let app and NGINX have the documents from a bucket whose object these requests may read."""

    def answer(request: Request) -> Answer:
        is_signed = "X-Amz-Signature" in request.target
        if request.method == "PUT":
            return Answer(400)  # of the check of uploads, whose CRC-32 is wrong
        if KEY in request.target and (signed if is_signed else unsigned):
            return serve(request, BODY, etag=tag, headers=[("Content-Type", "text/plain")])
        status, body = (404, NO_KEY) if is_signed and KEY not in request.target else (403, DENIED)
        return Answer(status, [("Content-Type", "application/xml")], body)

    stored_at(s, answer, **in_the_app)
    asks(object="")(s)


@breaks(413, "The key of the bucket may list, and not read", says="policy")
def _(s: Stage) -> None:
    bucket(s, signed=False)


@breaks(412, "Anyone can read the objects, and nobody can list the bucket", says=f"anyone can read {KEY}")
def _(s: Stage) -> None:
    bucket(s, unsigned=True)


@breaks(421, "The storage of the download has weak entity tags", says="strong")
def _(s: Stage) -> None:
    bucket(s, tag='W/"one"')


# On the way


row(
    632,
    "A proxy in front adds `Cache-Control: public`",
    front("add_header Cache-Control public;"),
    says="Cache-Control is 'private, no-cache, public'",
)
row(632, "A proxy in front sets `expires 30d`", front("expires 30d;"), says="max-age=2592000")
row(
    632,
    "A proxy in front removes Content-Security-Policy",
    front("proxy_hide_header Content-Security-Policy;"),
    "warn",
    says="Content-Security-Policy is missing",
)


@breaks(633, "`error_page 404 =200` is in the location of the app", "warn", says="clients get 200")
def _(s: Stage) -> None:
    before("location / {", 'location = /sorry { return 200 "sorry"; }')(s)
    in_location("proxy_intercept_errors on; error_page 404 =200 /sorry;")(s)


def at_another_time(s: Stage, ahead_s: int) -> None:
    """Let the app have another clock: it is in the id of each transfer."""

    def answer(request: Request) -> Answer:
        own = {name: value for name, value in request.headers if name.lower() != "connection"}
        reply = FrontDoor.at(f"http://{s.backends.app.address}").ask(request.method, request.target, own)
        framing = ("connection", "content-length", "transfer-encoding")
        headers = [each for each in reply.came if each[0].lower() not in framing]
        id_ = transfer_id_at(int((time.time() + ahead_s) * 1000))
        shown = [(name, id_ if name == "Xaccel-Id" else value) for name, value in headers]
        return Answer(reply.status, shown, reply.body)

    app_at(s, s.stack.enter_context(origin_server(answer)).address)


@breaks(315, "The clock of the app is 20 minutes behind", says="s behind NGINX's")
def _(s: Stage) -> None:
    at_another_time(s, -1200)


@breaks(315, "The clock of the app is two minutes ahead", "warn", says="s ahead of NGINX's")
def _(s: Stage) -> None:
    at_another_time(s, 120)


# Addresses


def resolved(s: Stage, address: str) -> None:
    """Let NGINX connect to the storage at an address that its name had once."""
    s.origin("documents", endpoint_url=other_endpoint(s))
    app_at(s, own_app(s))
    port = s.backends.s3.address.rpartition(":")[2]
    text = s.file("xaccel/site/http.conf").read_text()
    lines = re.search(rf"# localhost:{port}, looked up now;.*\n((?: *server [^;]*;\n)+)", text)
    assert lines
    s.edit("xaccel/site/http.conf", lines[1], f"    server {address}:{port};\n")


@breaks(402, "A storage that has a name does not listen", says="127.0.0.1)")
def _(s: Stage) -> None:
    s.origin("partner", connect_to=[f"localhost:{free_port()}"])


@breaks(426, "The storage has moved, and the timer of `xaccel refresh` is dead", says="127.0.0.99")
def _(s: Stage) -> None:
    resolved(s, "127.0.0.99")


PROXY = "proxy_set_header X-Forwarded-For"
row(
    312,
    "A proxy in front, and NGINX has no `set_real_ip_from`",
    front(f"{PROXY} 192.0.2.9;"),
    "warn",
    says="through a proxy",
)
row(
    312,
    "A proxy in front on the same machine, and NGINX has no `set_real_ip_from`",
    front(f"{PROXY} $proxy_add_x_forwarded_for;"),
    "warn",
    says="set_real_ip_from",
)
row(
    312,
    "A proxy in front sends no X-Forwarded-For",
    front("proxy_bind 127.0.0.5;"),
    "warn",
    says="sends no X-Forwarded-For",
)


@breaks(312, "`set_real_ip_from` does not list the proxy", "warn", says="NGINX logs 127.0.0.5")
def _(s: Stage) -> None:
    in_http("set_real_ip_from 192.0.2.1; real_ip_header X-Forwarded-For;")(s)
    front(f"{PROXY} $proxy_add_x_forwarded_for; proxy_bind 127.0.0.5;")(s)


# NGINX


row(
    222,
    "Your own `proxy_set_body` is in the server",
    in_server('proxy_set_body "x";'),
    says="proxy_set_body",
)

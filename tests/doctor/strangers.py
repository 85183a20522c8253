"""Rows of the table that strangers invented, who broke sites with the pages in their hands."""

from __future__ import annotations

import re

from tests.doctor.breakages import (
    NO_KEY,
    app_at,
    asks,
    breaks,
    front,
    in_http,
    in_server,
    other_endpoint,
    own_app,
    row,
)
from tests.doctor.more_operators import DENIED, stored_at
from tests.doctor.stage import BODY, KEY, Stage
from tests.live.objects import serve
from tests.servers.origin import Answer, Request
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
    "warn",
    says="proxy_set_body",
)

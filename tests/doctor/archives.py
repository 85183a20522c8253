"""What can be wrong with archives: rows of the table of breakages."""

from __future__ import annotations

from dataclasses import replace

from tests.doctor.breakages import (
    OTHER_SECRET,
    app_at,
    asks,
    breaks,
    in_http,
    in_server,
    object_at,
    own_app,
    rotate,
    row,
)
from tests.doctor.stage import Stage
from tests.live.conftest import running_app
from tests.live.objects import serve
from tests.servers.origin import Answer, Request, origin_server
from xaccel_testing import free_port

BODY = b"a member of an archive"


def archives(s: Stage, *, generate: bool = True, **options: object) -> None:
    """Change options of ARCHIVES."""
    s.change(ARCHIVES={**s.settings["ARCHIVES"], **options}, generate=generate)


row(
    102,
    "`log` of ARCHIVES is relative",
    lambda s: archives(s, log="log/members.log"),
    "warn",
    says='ARCHIVES["log"]',
)
row(
    207,
    "The folder of `log` of ARCHIVES is missing",
    lambda s: archives(s, log=str(s.folder / "gone/members.log")),
    says="members.log",
)
row(
    213,
    "`app` of ARCHIVES was changed, and not generated",
    lambda s: archives(s, app=s.backends.app.address.replace("127.0.0.1", "localhost"), generate=False),
)


@breaks(221, "NGINX is not from Debian, and has an open vulnerability of SSI", says="CVE-2026-56434")
def _(s: Stage) -> None:
    program = s.file("nginx")
    program.write_text(f'#!/bin/sh\nexec {s.variant.binary} "$@"\n')
    program.chmod(0o755)
    s.program = str(program)


row(
    307,
    "An own `if` of the server catches the path of archives",
    in_server('if ($request_uri ~ ^/_xaccel/archives) { return 200 "open"; }'),
)


@breaks(309, "Another program uses the address of `listen`", says="ARCHIVES")
def _(s: Stage) -> None:
    archives(s, listen=s.stack.enter_context(origin_server(lambda _: Answer())).address)


@breaks(310, "An own server has the address and the name of the assembler")
def _(s: Stage) -> None:
    own = f"server {{ listen {s.settings['ARCHIVES']['listen']}; server_name archives.invalid; return 403; }}"
    in_http(own)(s)


row(
    625,
    "`app` of ARCHIVES is not the address of the app",
    lambda s: archives(s, app=f"127.0.0.1:{free_port()}"),
    says="proxy_pass",
)
row(
    625,
    "`app` of ARCHIVES is the app of another site",
    lambda s: archives(s, app=own_app(s, SECRET=OTHER_SECRET)),
    says="another app's",
)


@breaks(625, "The app was not restarted after ARCHIVES was added", says="restart")
def _(s: Stage) -> None:
    settings = {name: value for name, value in s.settings.items() if name != "ARCHIVES"}
    archives(s, app=s.stack.enter_context(running_app(s.folder / "before", settings)).address)


@breaks(625, "The app may not write to `layouts`", says="layouts")
def _(s: Stage) -> None:
    s.file("layouts").write_text("a file, not a folder")
    layouts = str(s.file("layouts"))
    archives(s, layouts=layouts, app=own_app(s, ARCHIVES={**s.settings["ARCHIVES"], "layouts": layouts}))


@breaks(625, "A middleware before HandOffMiddleware redirects NGINX", says="middleware")
def _(s: Stage) -> None:
    with_slash = s.stack.enter_context(
        origin_server(lambda r: Answer(301, [("Location", f"https://app.example{r.target}")]))
    )
    archives(s, app=with_slash.address)


def second_app(s: Stage, **options: object) -> None:
    """Let NGINX proxy to two apps by turns; options: of the second one's ARCHIVES."""
    second = own_app(s, ARCHIVES={**s.settings["ARCHIVES"], **options})
    in_http(f"upstream apps {{ server {s.backends.app.address}; server {second}; }}")(s)
    app_at(s, "apps")


@breaks(634, "Two hosts of the app have a folder `layouts` each", says="does not find what the app at")
def _(s: Stage) -> None:
    second_app(s, layouts=str(s.folder / "layouts-of-the-second"))


def _storage(s: Stage, *, tag: str = '"one"', without: str = "") -> None:
    """Name an object of a storage that has this ETag, and ignores a request header."""

    def answer(request: Request) -> Answer:
        kept = tuple(pair for pair in request.headers if pair[0] != without)
        asked = "Signature" in request.target
        return serve(replace(request, headers=kept), BODY, etag=tag) if asked else Answer(403)

    object_at(s, answer)


row(421, "The storage has weak entity tags", lambda s: _storage(s, tag='W/"one"'), says="strong")
row(
    421,
    "A proxy in front of the storage removes If-Match",
    lambda s: _storage(s, without="If-Match"),
    says="412",
)
row(421, "A proxy in front of the storage removes Range", lambda s: _storage(s, without="Range"), says="206")


@breaks(421, "A server of `proven` knows no If-Match", says="412")
def _(s: Stage) -> None:
    archives(s, proven=["partner"])
    asks(object="partner/x", download="")(s)


# NGINX's log of members


@breaks(501, "The log of members is not readable for the user of `ingest`", says="members.log")
def _(s: Stage) -> None:
    s.file("log/members.log").chmod(0o600)
    s.user = 65534


@breaks(503, "The log of members was rotated, and NGINX got no USR1", says="members.log")
def _(s: Stage) -> None:
    rotate(s, "log/members.log")

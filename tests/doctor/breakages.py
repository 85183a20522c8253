"""What is broken on a running site, one thing at a time, and which check must name it: for tests and documentation."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from types import MappingProxyType
from typing import TYPE_CHECKING

import trustme

from tests.doctor.stage import KEY, SECRET, Stage, download, s3_origin, tls_origin
from tests.live.client import send_target
from tests.live.conftest import running_app
from tests.live.small_disk import small_disk
from tests.servers.origin import Answer, Request, origin_server
from xaccel.doctor.location import FrontDoor
from xaccel.doctor.running_site import workers_of
from xaccel_testing import free_port
from xaccel_testing.servers.processes import wait_until

if TYPE_CHECKING:
    pass

Break = Callable[[Stage], None]
CLOCK_TICK_S = 0.02
"""How exactly a system says when a process began, with what it rounds."""
OTHER_SECRET = SECRET[::-1]


@dataclass(frozen=True, slots=True)
class Breakage:
    """One thing that is broken. what: for the table of the documentation. variant: where it is tested.

    says: words of the evidence or the remedy, where one check has several of them.
    """

    id: str
    what: str
    make: Break
    status: str = "fail"
    variant: str = "deb"
    says: str = ""

    @property
    def name(self) -> str:
        return f"{self.id}-{self.what}".replace("`", "")


ROWS: list[Breakage] = []


def simple(
    check: int, what: str, make: Break, status: str = "fail", variant: str = "deb", **more: str
) -> None:
    ROWS.append(Breakage(f"XA{check}", what, make, status, variant, **more))


def breaks(check: int, what: str, *words: str, **more: str) -> Callable[[Break], Break]:
    def add(make: Break) -> Break:
        simple(check, what, make, *words, **more)
        return make

    return add


# Settings

simple(101, "The secret is too short", lambda s: s.change(SECRET="short", generate=False))
simple(101, "A setting is misspelt", lambda s: s.change(TRANSFERLOG="/x", generate=False))
simple(102, "TRANSFER_LOG is relative", lambda s: s.change(TRANSFER_LOG="log/xaccel.log"), "warn")
simple(
    103,
    "The profile with the credentials is missing",
    lambda s: s.origin("documents", access_key=None, secret_key=None, profile="gone", generate=False),
)

# NGINX on disk


@breaks(201, "`--nginx` names another program")
def _(s: Stage) -> None:
    s.program = shutil.which("true") or "/bin/true"


@breaks(203, "`load_module` of njs was removed", variant="deb-njs")
def _(s: Stage) -> None:
    line = next(line for line in s.file("nginx.conf").read_text().splitlines() if "http_js" in line)
    s.broken_on_disk("nginx.conf", line, "")


def _include(s: Stage, name: str) -> str:
    return f"include {s.folder}/xaccel/{name}.conf;"


@breaks(204, "The include of http.conf is forgotten")
def _(s: Stage) -> None:
    s.broken_on_disk("nginx.conf", _include(s, "http"), "")


@breaks(204, "None of the three files is included")
def _(s: Stage) -> None:
    for name in ("http", "site/server", "app"):
        s.edit("nginx.conf", _include(s, name), "")


@breaks(205, "http.conf is included twice")
def _(s: Stage) -> None:
    s.broken_on_disk("nginx.conf", _include(s, "http"), _include(s, "http") * 2)


@breaks(205, "A copy of the site is beside it (`site.bak`)")
def _(s: Stage) -> None:
    shutil.copytree(s.file("xaccel/site"), s.file("xaccel/site.bak"))


@breaks(206, "Your own `proxy_buffers` is beside app.conf")
def _(s: Stage) -> None:
    s.broken_on_disk("nginx.conf", _include(s, "app"), f"{_include(s, 'app')} proxy_buffers 8 8k;")


@breaks(205, "server.conf is included twice")
def _(s: Stage) -> None:
    s.broken_on_disk("nginx.conf", _include(s, "site/server"), _include(s, "site/server") * 2)


@breaks(206, "Your own `proxy_buffer_size` is before app.conf")
def _(s: Stage) -> None:
    s.broken_on_disk("nginx.conf", _include(s, "app"), f"proxy_buffer_size 8k; {_include(s, 'app')}")


@breaks(207, "nginx.conf has an unknown directive")
def _(s: Stage) -> None:
    s.broken_on_disk("nginx.conf", "# more servers", "nonsense on;")


@breaks(207, "The folder of the log was removed")
def _(s: Stage) -> None:
    shutil.rmtree(s.file("log"))


@breaks(207, "A generated file was deleted")
def _(s: Stage) -> None:
    s.file("xaccel/off.conf").unlink()


@breaks(208, "The include of server.conf is forgotten")
def _(s: Stage) -> None:
    s.edit("nginx.conf", _include(s, "site/server"), "")


@breaks(208, "server.conf is included in another server")
def _(s: Stage) -> None:
    other = f"server {{ listen unix:{s.folder}/other.sock; {_include(s, 'site/server')} }}"
    s.edit("nginx.conf", _include(s, "site/server"), "", reload=False)
    s.edit("nginx.conf", "# more servers", other)


@breaks(209, "The include of app.conf is forgotten")
def _(s: Stage) -> None:
    s.edit("nginx.conf", _include(s, "app"), "")


@breaks(210, "Your own `limit_conn` applies to the app's location", "warn")
def _(s: Stage) -> None:
    zone = "limit_conn_zone $binary_remote_addr zone=own:1m; limit_conn own 50;"
    s.edit("nginx.conf", _include(s, "http"), f"{zone} {_include(s, 'http')}")


@breaks(211, "Your own `add_header` is not in ADD_HEADERS", "warn")
def _(s: Stage) -> None:
    s.edit("nginx.conf", "include", "add_header Referrer-Policy same-origin; include", reload=False)
    s.edit(
        "nginx.conf",
        "add_header Strict-Transport-Security",
        "add_header Referrer-Policy x;\nadd_header Strict-Transport-Security",
    )


@breaks(212, "Your own `access_log` is not in ACCESS_LOGS", "warn")
def _(s: Stage) -> None:
    line = f"access_log {s.folder}/log/access.log combined;"
    s.edit("nginx.conf", line, f"{line} access_log {s.folder}/log/other.log combined;")


simple(
    213,
    "A response header was added, and not generated",
    lambda s: s.change(RESPONSE_HEADERS=["X-A"], generate=False),
)
simple(
    213,
    "An origin was added, and not generated",
    lambda s: s.origin("more", type="local", root=str(s.folder / "media"), generate=False),
)
simple(
    213,
    "A file of the engine was edited by hand",
    lambda s: s.edit("xaccel/engine/locations/send.conf", "send_timeout 10m;", "send_timeout 1m;"),
)
simple(
    213,
    "The endpoint of a bucket was changed, and not generated",
    lambda s: s.origin(
        "documents", endpoint_url=s.backends.s3.endpoint.replace("127.0.0.1", "localhost"), generate=False
    ),
)


@breaks(214, "A fixed request header was changed, and not generated")
def _(s: Stage) -> None:
    for value, is_generated in (("1", True), ("2", False)):
        fixed = {"Authorization": "Bearer partner", "X-Key": value}
        s.origin("partner", request_headers=fixed, generate=is_generated)


simple(
    214, "The secret was changed, and not generated", lambda s: s.change(SECRET=OTHER_SECRET, generate=False)
)
simple(215, "Everybody can read the secret", lambda s: s.file("xaccel/site/secret.conf").chmod(0o644), "warn")

simple(
    220,
    "NGINX does not load njs, and an origin is an HTTP server",
    lambda s: s.change(ALLOW_WITHOUT_NJS=False, generate=False),
)

# Running NGINX

simple(301, "NGINX was stopped", lambda s: s.stop())


@breaks(302, "Nothing listens at the address")
def _(s: Stage) -> None:
    s.arguments["--url"] = f"http://127.0.0.1:{free_port()}"


@breaks(303, "The certificate of the site's address is self-signed")
def _(s: Stage) -> None:
    port, made = free_port(), trustme.CA().issue_cert("127.0.0.1")
    made.private_key_pem.write_to_path(str(s.file("door.key")))
    made.cert_chain_pems[0].write_to_path(str(s.file("door.pem")))
    files = f"ssl_certificate {s.folder}/door.pem; ssl_certificate_key {s.folder}/door.key;"
    listen = f"listen 127.0.0.1:{port} ssl; {files}"
    s.edit("nginx.conf", f"listen 127.0.0.1:{s.port};", f"listen 127.0.0.1:{s.port}; {listen}")
    s.arguments["--url"] = f"https://127.0.0.1:{port}"


simple(
    304,
    "A setting was changed and generated, and NGINX not reloaded",
    lambda s: s.change(LIMIT_RATE=10**9, reload=False),
)
simple(
    304,
    "The secret was changed and generated, and NGINX not reloaded",
    lambda s: s.change(SECRET=OTHER_SECRET, reload=False),
)


@breaks(308, "The address is that of another server without the site")
def _(s: Stage) -> None:
    port = free_port()
    s.edit(
        "nginx.conf", "# more servers", f"server {{ listen 127.0.0.1:{port}; location / {{ return 404; }} }}"
    )
    s.arguments["--url"] = f"http://127.0.0.1:{port}"


@breaks(305, "nginx.conf was edited, and NGINX not reloaded", "warn")
def _(s: Stage) -> None:
    assert s.nginx is not None
    started = max(workers_of(s.nginx.server.pid))
    assert wait_until(lambda: time.time() > started + CLOCK_TICK_S, timeout_s=60)
    s.edit("nginx.conf", "# more servers", "# fewer servers", reload=False)


@breaks(306, "NGINX was updated, and not restarted", "warn", variant="wheel")
def _(s: Stage) -> None:
    program, real = s.file("nginx"), s.variant.binary
    newer = f"{real} -V 2>&1 | sed 's,nginx/\\([0-9]*[.][0-9]*\\)[.][0-9]*,nginx/\\1.99,' >&2"
    program.write_text(f'#!/bin/sh\nif [ "$1" = -V ]; then {newer}; else exec {real} "$@"; fi\n')
    program.chmod(0o755)
    s.program = str(program)


simple(
    307,
    "Your own `if` of the server catches internal paths",
    lambda s: s.edit(
        "nginx.conf",
        "add_header Strict",
        'if ($request_uri ~ ^/_xaccel/media) { return 200 "open"; }\nadd_header Strict',
    ),
)

# Origins


def _partner(s: Stage, **options: object) -> None:
    s.origin("partner", **options)


@breaks(401, "The name of an origin is not in DNS", variant="wheel")
def _(s: Stage) -> None:
    _partner(s, base_url="https://no-such-host.invalid/", connect_to=[])


@breaks(401, "A redirect host is not in DNS", variant="wheel")
def _(s: Stage) -> None:
    _partner(s, redirect_hosts=["no-such-host.invalid"])


@breaks(402, "An origin does not listen")
def _(s: Stage) -> None:
    _partner(s, connect_to=[f"127.0.0.1:{free_port()}"])


@breaks(403, "`ca_file` is another authority's")
def _(s: Stage) -> None:
    trustme.CA().cert_pem.write_to_path(str(s.file("ca.pem")))


@breaks(404, "The certificate of an origin has expired")
def _(s: Stage) -> None:
    s.tls(not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2021, 1, 1, tzinfo=UTC))


@breaks(404, "The certificate of an origin ends in three days", "warn")
def _(s: Stage) -> None:
    s.tls(not_after=datetime.now(UTC) + timedelta(days=3))


simple(405, "The certificate of an origin has another name", lambda s: s.tls(names=("other.test",)))


@breaks(405, "The URL of an https origin has an IP address")
def _(s: Stage) -> None:
    s.tls(names=("127.0.0.1",))
    _partner(s, base_url=f"https://{s.settings['ORIGINS']['partner']['connect_to'][0]}/", connect_to=[])


@breaks(406, "The URL has https, and the origin speaks HTTP")
def _(s: Stage) -> None:
    _partner(s, connect_to=[s.backends.s3.address])


@breaks(407, "An origin asks for a client certificate")
def _(s: Stage) -> None:
    def demand(context: object) -> None:
        context.verify_mode = 2  # type: ignore[attr-defined]  # ssl.CERT_REQUIRED

    origin = s.stack.enter_context(tls_origin(s.folder / "tls3", demand))
    shutil.copy(origin.ca_file or "", s.file("ca.pem"))
    s.partner_at(origin)


def _s3(
    status: int = 404, body: bytes = b"<Error><Code>NoSuchKey</Code></Error>", **headers: str
) -> Callable[[Request], Answer]:
    more = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda request: Answer(status, more, body)


simple(
    408,
    "The clock of the storage differs by an hour",
    lambda s: s.storage(_s3(Date=formatdate(time.time() - 3600, usegmt=True))),
)
simple(409, "The bucket is in another region", lambda s: s.storage(_s3(400, x_amz_bucket_region="eu-west-3")))
simple(410, "The secret key of the bucket is wrong", lambda s: s.origin("documents", secret_key="wrong"))
simple(410, "The access key of the bucket is wrong", lambda s: s.origin("documents", access_key="unknown"))
simple(411, "The name of the bucket is misspelt", lambda s: s.origin("documents", bucket="reports-2025"))
simple(
    412,
    "Everybody can list the bucket",
    lambda s: s.storage(lambda r: Answer(200 if "list-type" in r.target else 404)),
)


@breaks(412, "Everybody can read the named object")
def _(s: Stage) -> None:
    def answer(request: Request) -> Answer:
        found = 404 if "list-type" in request.target else 200 if request.method == "HEAD" else 206
        return Answer(found, [], b"x")

    s.storage(answer)
    s.arguments |= {"--object": "archive/x", "--download": ""}


@breaks(413, "The storage redirects to a host that `redirect_hosts` lacks")
def _(s: Stage) -> None:
    s.storage(
        lambda r: Answer(302 if "Signature" in r.target else 404, [("Location", "https://elsewhere.test/x")])
    )
    s.arguments |= {"--object": "archive/x", "--download": ""}


@breaks(413, "The object was deleted")
def _(s: Stage) -> None:
    s.arguments["--object"] = f"documents/{KEY}.old"


@breaks(414, "A proxy in front of the storage refuses HEAD")
def _(s: Stage) -> None:
    s.storage(lambda r: Answer(403 if r.method == "HEAD" or "Signature" not in r.target else 206, [], b"x"))
    s.arguments |= {"--object": "archive/x", "--download": ""}


simple(415, "The directory of an origin was removed", lambda s: shutil.rmtree(s.file("media")))
simple(415, "NGINX's workers may not enter the directory", lambda s: s.file("media").chmod(0o700))


@breaks(416, "The token in `request_headers` is not valid any more")
def _(s: Stage) -> None:
    _partner(s, request_headers={"Authorization": "Bearer old"})


# Log and disk


@breaks(501, "The log is not readable for the user of `ingest`")
def _(s: Stage) -> None:
    s.file("log/xaccel.log").chmod(0o600)
    s.user = 65534


@breaks(504, "The log's disk is full")
def _(s: Stage) -> None:
    s.stack.enter_context(small_disk(s.folder, "1m", "small"))
    s.stack.callback(s.stop)
    s.change(TRANSFER_LOG=str(s.folder / "small/xaccel.log"))
    with contextlib.suppress(OSError), s.file("small/filled").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


simple(503, "The log was removed", lambda s: s.file("log/xaccel.log").unlink())
simple(502, "NGINX's workers may not enter the log's folder", lambda s: s.file("log").chmod(0o700))


@breaks(503, "The log was rotated, and NGINX got no USR1")
def _(s: Stage) -> None:
    s.file("log/xaccel.log").rename(s.file("log/xaccel.log.1"))
    s.file("log/xaccel.log").touch()


simple(
    507,
    "The log was never rotated, and has 2 GB",
    lambda s: os.truncate(s.file("log/xaccel.log"), 2 * 1024**3),
    "warn",
)
simple(505, "Your own error page was removed", lambda s: s.file("missing.html").unlink())

# Download

simple(
    601,
    "`proxy_ignore_headers X-Accel-Redirect` in the app's location",
    lambda s: s.edit(
        "nginx.conf",
        "proxy_set_header Host $http_host;",
        "proxy_set_header Host $http_host; proxy_ignore_headers X-Accel-Redirect; proxy_pass_header X-Accel-Redirect;",
    ),
)
simple(
    308,
    "The address is the app's own",
    lambda s: s.arguments.update({"--url": f"http://{s.backends.app.address}"}),
)
simple(
    602,
    "The app server is stopped",
    lambda s: s.edit("nginx.conf", f"http://{s.backends.app.address}", f"http://127.0.0.1:{free_port()}"),
)


COMMON = "django.middleware.common.CommonMiddleware"
"""It compares the Host with ALLOWED_HOSTS."""


def refuses(s: Stage, code: str, status: int = 403, message: str = "") -> None:
    """Let a storage refuse each signed request with a code."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    s.storage(lambda r: Answer(status if "Signature" in r.target else 403, [], body))
    s.arguments |= {"--object": "archive/x", "--download": ""}


def app_at(s: Stage, address: str) -> None:
    """Let NGINX proxy to another app."""
    s.edit("nginx.conf", f"http://{s.backends.app.address};", f"http://{address};")


def own_app(s: Stage, environment: Mapping[str, str] = MappingProxyType({}), **settings: object) -> str:
    """Run an app with the settings of the site, or with others, and return its address."""
    folder = s.folder / f"app-{len(list(s.folder.glob('app-*')))}"
    return s.stack.enter_context(running_app(folder, {**s.settings, **settings}, **environment)).address


def in_the_app(s: Stage, *, middleware: str = COMMON, **settings: object) -> None:
    """Put an app with other settings of Django behind NGINX."""
    settings["MIDDLEWARE"] = ["xaccel.django.HandOffMiddleware", middleware]
    app_at(s, own_app(s, {"LIVE_SETTINGS": json.dumps({"ALLOWED_HOSTS": ["*"], **settings})}))


def _app(s: Stage, secret: str = SECRET, **options: object) -> None:
    app_at(s, own_app(s, SECRET=secret, ORIGINS={"documents": s3_origin(s.backends, **options)}))


simple(603, "The app was not restarted after a change of the secret", lambda s: _app(s, OTHER_SECRET))
simple(
    604,
    "The app was not restarted after a change of the endpoint",
    lambda s: _app(s, endpoint_url=s.backends.s3.endpoint.replace("127.0.0.1", "localhost")),
)
simple(
    605, "The download does not exist", lambda s: s.arguments.update({"--download": "/nothing"}), "unknown"
)


simple(
    621,
    "The app is in debug mode, and its location lacks secret-debug.conf",
    lambda s: in_the_app(s, DEBUG=True),
    says="secret-debug.conf",
)


@breaks(619, "The location of the app sends no Host, so Django refuses the request", says="$http_host")
def _(s: Stage) -> None:
    in_the_app(s, ALLOWED_HOSTS=["localhost"])
    s.arguments["--url"] = s.url.replace("127.0.0.1", "localhost")
    s.edit("nginx.conf", "proxy_set_header Host $http_host;", "")


@breaks(606, "The app names an object that the bucket lacks")
def _(s: Stage) -> None:
    s.arguments |= {"--download": download("gone.txt"), "--object": ""}


def _cut(s: Stage) -> None:
    def answer(request: Request) -> Answer:
        reply = FrontDoor.at(s.url).ask(request.method, request.target, dict(request.headers))
        headers = [
            (name, value)
            for name, value in reply.came
            if name.lower() not in ("connection", "content-length")
        ]
        body = reply.body[:-9] if request.target.startswith("/send") else reply.body
        return Answer(
            reply.status, [*headers, ("Content-Length", reply.header("Content-Length"))], body, close=True
        )

    s.arguments["--url"] = s.stack.enter_context(origin_server(answer)).url


simple(606, "A proxy in front cuts the download", _cut)
simple(
    607,
    "A proxy in front removes Range",
    lambda s: s.front('proxy_set_header Range "";'),
    says="in front of it",
)
simple(
    608,
    "A proxy in front refuses HEAD",
    lambda s: s.front("if ($request_method = HEAD) { return 405; }"),
    says="in front of it",
)
simple(
    609,
    "A proxy in front removes If-None-Match",
    lambda s: s.front('proxy_set_header If-None-Match "";'),
    says="in front of it",
)


@breaks(610, "The app sends another object than the one named")
def _(s: Stage) -> None:
    s.backends.s3.put(s.backends.bucket, "other.txt", b"something else", "text/plain")
    s.arguments["--object"] = "documents/other.txt"


simple(
    611, "A proxy in front adds a header of the storage", lambda s: s.front("add_header x-amz-request-id 1;")
)
simple(
    612,
    "A proxy in front removes Content-Disposition",
    lambda s: s.front("proxy_hide_header Content-Disposition;"),
)


@breaks(612, "A proxy in front replaces Content-Type")
def _(s: Stage) -> None:
    s.arguments["--download"] = download(content_type="text/csv")
    s.front("proxy_hide_header Content-Type; add_header Content-Type text/plain;")


@breaks(612, "A proxy in front replaces Content-Disposition")
def _(s: Stage) -> None:
    s.front('proxy_hide_header Content-Disposition; add_header Content-Disposition "inline; filename=x";')


simple(
    613,
    "A proxy in front compresses",
    lambda s: s.front("gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1; gzip_http_version 1.0;"),
)
simple(
    614,
    "Nothing that is cached is valid (`valid` of CACHE)",
    lambda s: s.change(CACHE={**s.settings["CACHE"], "valid": "0s"}),
    "warn",
)


@breaks(615, "NGINX got no USR1, and the doctor's user may not see the open files of NGINX")
def _(s: Stage) -> None:
    s.file("log/xaccel.log").rename(s.file("log/xaccel.log.1"))
    s.file("log/xaccel.log").touch()
    s.user = 65534


@breaks(616, "A shared cache in front stores private files")
def _(s: Stage) -> None:
    s.front(
        "proxy_cache shared; proxy_cache_key $request_uri; proxy_cache_valid 200 1m; proxy_no_cache $http_range;"
        " proxy_ignore_headers Cache-Control Expires Vary Set-Cookie; proxy_cache_bypass $http_range;"
        " proxy_set_header Range $http_range; proxy_set_header If-Range $http_if_range;",
        before=f"proxy_cache_path {s.folder}/shared keys_zone=shared:1m use_temp_path=off;",
    )


simple(
    616,
    "The app does not check the credentials",
    lambda s: s.arguments.update(
        {"--download": send_target({"origin": "documents", "key": KEY, "options": {"cache_version": "v1"}})}
    ),
)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A breakage that needs Django, and the test that has it."""

    id: str
    what: str
    status: str
    test: str


IN_DJANGO = (
    Elsewhere(
        "XA104",
        "The layouts of archives are in a cache that each process has for itself",
        "fail",
        "tests/django/test_checks.py::test_E008_layouts_are_in_the_memory_of_one_process",
    ),
    Elsewhere(
        "XA104",
        "HandOffMiddleware is not in MIDDLEWARE",
        "fail",
        "tests/django/test_doctor.py::test_a_system_check_of_xaccel_that_fails_is_a_finding",
    ),
    Elsewhere(
        "XA104",
        "HandOffMiddleware is not the first of MIDDLEWARE",
        "warn",
        "tests/django/test_doctor.py::test_a_system_check_of_xaccel_that_fails_is_a_finding",
    ),
    Elsewhere(
        "XA506",
        "`xaccel ingest` was stopped an hour ago",
        "fail",
        "tests/audit/test_lag.py::test_ingestion_that_is_behind_is_reported_until_it_has_caught_up",
    ),
    Elsewhere(
        "XA508",
        "`xaccel sweep` does not run",
        "warn",
        "tests/live/uploads/test_django.py::test_the_doctor_warns_of_uploads_that_no_sweep_has_settled",
    ),
    Elsewhere(
        "XA630",
        "A middleware sets X-Frame-Options, and RESPONSE_HEADERS does not list it",
        "warn",
        "tests/doctor/test_lost_headers.py::test_a_header_that_other_pages_have_and_a_download_lacks_is_named",
    ),
    Elsewhere(
        "XA506",
        "The user of `ingest` may not read the log",
        "fail",
        "tests/audit/test_lag.py::test_the_user_of_ingest_is_named_if_the_log_is_not_readable",
    ),
    Elsewhere(
        "XA506",
        "`ingest` runs, and reads another file",
        "fail",
        "tests/audit/test_lag.py::test_the_user_of_ingest_is_named_if_the_log_is_not_readable",
    ),
    Elsewhere(
        "XA506",
        "`manage.py migrate` was forgotten",
        "unknown",
        "tests/audit/test_lag.py::test_a_database_without_the_tables_is_not_known_and_needs_migrate",
    ),
    Elsewhere(
        "XA506",
        "The database is down",
        "unknown",
        "tests/audit/test_lag.py::test_a_database_that_does_not_respond_is_not_known",
    ),
    Elsewhere(
        "XA506",
        "The file of SQLite is locked",
        "unknown",
        "tests/audit/test_lag.py::test_a_database_that_is_locked_is_not_known",
    ),
)

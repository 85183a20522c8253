"""What is broken on a running site, one thing at a time, and which check must name it: for tests and documentation."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from types import MappingProxyType

import trustme

from tests.doctor.stage import KEY, SECRET, Stage, download, s3_origin, tls_origin
from tests.live.client import send_target
from tests.live.conftest import running_app
from tests.live.small_disk import small_disk
from tests.servers.origin import Answer, Request, origin_server
from xaccel.tools.doctor.location import FrontDoor
from xaccel.tools.nginx.processes import workers_of
from xaccel_testing import free_port
from xaccel_testing.servers.processes import wait_until

Break = Callable[[Stage], object]
"""Breaks something of a site."""
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


def row(check: int, what: str, make: Break, status: str = "fail", **more: str) -> None:
    ROWS.append(Breakage(f"XA{check}", what, make, status, **more))


def breaks(check: int, what: str, *words: str, **more: str) -> Callable[[Break], Break]:
    def add(make: Break) -> Break:
        row(check, what, make, *words, **more)
        return make

    return add


# What breaks one thing


def conf(old: str, new: str, *, reload: bool = True) -> Break:
    """Replace a text of nginx.conf."""
    return lambda s: s.edit("nginx.conf", old, new, reload=reload)


def on_disk(old: str, new: str) -> Break:
    """Write what NGINX would refuse; the running one goes on."""
    return conf(old, new, reload=False)


def before(text: str, lines: str) -> Break:
    return conf(text, f"{lines}\n{text}")


def in_http(lines: str) -> Break:
    return before("variables_hash", lines)


def in_server(lines: str) -> Break:
    return before("add_header Strict", lines)


def in_location(lines: str) -> Break:
    """Put lines in the location of the app."""
    return before("proxy_set_header Host $http_host;", lines)


def new_server(inside: str) -> Break:
    return before("# more servers", f"server {{ {inside} }}")


def front(lines: str, http: str = "", largest: str = "0") -> Break:
    """Put a proxy in front of NGINX."""
    return lambda s: s.front(lines, http, largest)


def setting(*, generate: bool = True, reload: bool = True, **settings: object) -> Break:
    return lambda s: s.change(generate=generate, reload=reload, **settings)


def origin(name: str, *, generate: bool = True, **options: object) -> Break:
    return lambda s: s.origin(name, generate=generate, **options)


def storage(answer: Callable[[Request], Answer]) -> Break:
    """Add a bucket whose storage answers so."""
    return lambda s: s.storage(answer)


def asks(**arguments: str) -> Break:
    """Give the doctor other arguments."""
    return lambda s: s.arguments.update({f"--{name}": value for name, value in arguments.items()})


def ask_at(s: Stage, address: str, scheme: str = "http") -> None:
    """Let the doctor ask another address."""
    s.arguments["--url"] = f"{scheme}://{address}"


HTTP, SERVER, APP = (f"include {{folder}}/xaccel/{name}.conf;" for name in ("http", "site/server", "app"))

# Settings

row(101, "The secret is too short", setting(SECRET="short", generate=False))
row(101, "A setting is misspelt", setting(TRANSFERLOG="/x", generate=False))
row(102, "TRANSFER_LOG is relative", setting(TRANSFER_LOG="log/xaccel.log"), "warn")
GONE = {"access_key": None, "secret_key": None, "profile": "gone"}
row(103, "The profile with the credentials is missing", origin("documents", generate=False, **GONE))

# NGINX on disk


@breaks(201, "`--nginx` names another program")
def _(s: Stage) -> None:
    s.program = shutil.which("true") or "/bin/true"


@breaks(203, "`load_module` of njs was removed", variant="deb-njs")
def _(s: Stage) -> None:
    line = next(line for line in s.file("nginx.conf").read_text().splitlines() if "http_js" in line)
    on_disk(line, "")(s)


row(204, "The include of http.conf is forgotten", on_disk(HTTP, ""))


@breaks(204, "None of the three files is included")
def _(s: Stage) -> None:
    for include in (HTTP, SERVER, APP):
        conf(include, "")(s)


row(205, "http.conf is included twice", on_disk(HTTP, HTTP * 2))


@breaks(205, "A copy of the site is beside it (`site.bak`)")
def _(s: Stage) -> None:
    shutil.copytree(s.file("xaccel/site"), s.file("xaccel/site.bak"))


row(206, "Your own `proxy_buffers` is beside app.conf", on_disk(APP, f"{APP} proxy_buffers 8 8k;"))
row(205, "server.conf is included twice", on_disk(SERVER, SERVER * 2))
row(206, "Your own `proxy_buffer_size` is before app.conf", on_disk(APP, f"proxy_buffer_size 8k; {APP}"))
row(207, "nginx.conf has an unknown directive", on_disk("# more servers", "nonsense on;"))
row(207, "The folder of the log was removed", lambda s: shutil.rmtree(s.file("log")))
row(207, "A generated file was deleted", lambda s: s.file("xaccel/off.conf").unlink())
row(208, "The include of server.conf is forgotten", conf(SERVER, ""))


@breaks(208, "server.conf is included in another server")
def _(s: Stage) -> None:
    on_disk(SERVER, "")(s)
    new_server(f"listen unix:{{folder}}/other.sock; {SERVER}")(s)


row(209, "The include of app.conf is forgotten", conf(APP, ""))
LIMIT = "limit_conn_zone $binary_remote_addr zone=own:1m; limit_conn own 50;"
row(210, "Your own `limit_conn` applies to the app's location", in_http(LIMIT), "warn")


@breaks(211, "Your own `add_header` is not in ADD_HEADERS", "warn")
def _(s: Stage) -> None:
    on_disk("include", "add_header Referrer-Policy same-origin; include")(s)
    in_server("add_header Referrer-Policy x;")(s)


@breaks(212, "Your own `access_log` is not in ACCESS_LOGS", "warn")
def _(s: Stage) -> None:
    line = "access_log {folder}/log/access.log combined;"
    conf(line, f"{line} access_log {{folder}}/log/other.log combined;")(s)


row(213, "A response header was added, and not generated", setting(RESPONSE_HEADERS=["X-A"], generate=False))
row(
    213,
    "An origin was added, and not generated",
    lambda s: s.origin("more", type="local", root=str(s.folder / "media"), generate=False),
)
row(
    213,
    "A file of the engine was edited by hand",
    lambda s: s.edit("xaccel/engine/locations/send.conf", "send_timeout 10m;", "send_timeout 1m;"),
)


def other_endpoint(s: Stage) -> str:
    return s.backends.s3.endpoint.replace("127.0.0.1", "localhost")


row(
    213,
    "The endpoint of a bucket was changed, and not generated",
    lambda s: s.origin("documents", endpoint_url=other_endpoint(s), generate=False),
)


@breaks(214, "A fixed request header was changed, and not generated")
def _(s: Stage) -> None:
    for value, is_generated in (("1", True), ("2", False)):
        fixed = {"Authorization": "Bearer partner", "X-Key": value}
        s.origin("partner", request_headers=fixed, generate=is_generated)


row(214, "The secret was changed, and not generated", setting(SECRET=OTHER_SECRET, generate=False))
row(215, "Everybody can read the secret", lambda s: s.file("xaccel/site/secret.conf").chmod(0o644), "warn")
row(
    220,
    "NGINX does not load njs, and an origin is an HTTP server",
    setting(ALLOW_WITHOUT_NJS=False, generate=False),
)

# Running NGINX

row(301, "NGINX was stopped", Stage.stop)
row(302, "Nothing listens at the address", lambda s: ask_at(s, f"127.0.0.1:{free_port()}"))


@breaks(303, "The certificate of the site's address is self-signed", says="--ca-file")
def _(s: Stage) -> None:
    made = trustme.CA().issue_cert("127.0.0.1")
    made.private_key_pem.write_to_path(str(s.file("own.key")))
    made.cert_chain_pems[0].write_to_path(str(s.file("own.pem")))
    listen_with_tls(s, "own.pem", "own.key")


def listen_with_tls(s: Stage, certificate: str, key: str) -> None:
    """Let the site have another address, with TLS, and the doctor ask that one."""
    address, first = f"127.0.0.1:{free_port()}", "listen 127.0.0.1:{port};"
    files = f"ssl_certificate {{folder}}/{certificate}; ssl_certificate_key {{folder}}/{key};"
    conf(first, f"{first} listen {address} ssl; {files}")(s)
    ask_at(s, address, "https")


row(
    304,
    "A setting was changed and generated, and NGINX not reloaded",
    setting(LIMIT_RATE=10**9, reload=False),
)
row(
    304,
    "The secret was changed and generated, and NGINX not reloaded",
    setting(SECRET=OTHER_SECRET, reload=False),
)


def ask_new_server(s: Stage, inside: str) -> None:
    """Add a server at another address, and let the doctor ask that one."""
    address = f"127.0.0.1:{free_port()}"
    new_server(f"listen {address}; {inside}")(s)
    ask_at(s, address)


row(
    308,
    "The address is that of another server without the site",
    lambda s: ask_new_server(s, "location / { return 404; }"),
)


@breaks(305, "nginx.conf was edited, and NGINX not reloaded", "warn")
def _(s: Stage) -> None:
    assert s.nginx is not None
    started = max(one.began for one in workers_of(s.nginx.server.pid))
    assert wait_until(lambda: time.time() > started + CLOCK_TICK_S, timeout_s=60)
    on_disk("# more servers", "# fewer servers")(s)


@breaks(305, "The authority of an origin was replaced, and NGINX not reloaded", "warn", says="ca.pem")
def _(s: Stage) -> None:
    assert s.nginx is not None
    started = max(one.began for one in workers_of(s.nginx.server.pid))
    assert wait_until(lambda: time.time() > started + CLOCK_TICK_S, timeout_s=60)
    s.file("ca.pem").touch()


@breaks(306, "NGINX was updated, and not restarted", "warn", variant="wheel")
def _(s: Stage) -> None:
    program, real = s.file("nginx"), s.variant.binary
    newer = f"{real} -V 2>&1 | sed 's,nginx/\\([0-9]*[.][0-9]*\\)[.][0-9]*,nginx/\\1.99,' >&2"
    program.write_text(f'#!/bin/sh\nif [ "$1" = -V ]; then {newer}; else exec {real} "$@"; fi\n')
    program.chmod(0o755)
    s.program = str(program)


row(
    307,
    "Your own `if` of the server catches internal paths",
    in_server('if ($request_uri ~ ^/_xaccel/media) { return 200 "open"; }'),
)

# Origins

NOWHERE = "no-such-host.invalid"
RENAMED = origin("partner", base_url=f"https://{NOWHERE}/", connect_to=[])
row(401, "The name of an origin is not in DNS", RENAMED, variant="wheel")
row(401, "A redirect host is not in DNS", origin("partner", redirect_hosts=[NOWHERE]), variant="wheel")
row(
    402,
    "An origin does not listen",
    lambda s: s.origin("partner", connect_to=[f"127.0.0.1:{free_port()}"]),
    says="in another container",
)


@breaks(403, "`ca_file` is another authority's")
def _(s: Stage) -> None:
    trustme.CA().cert_pem.write_to_path(str(s.file("ca.pem")))
    s.reload()


LONG_AGO, NOW = datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC)
row(
    404,
    "The certificate of an origin has expired",
    lambda s: s.tls(not_before=LONG_AGO, not_after=LONG_AGO + timedelta(days=365)),
)
row(
    404,
    "The certificate of an origin ends in three days",
    lambda s: s.tls(not_after=NOW + timedelta(days=3)),
    "warn",
)
row(405, "The certificate of an origin has another name", lambda s: s.tls(names=("other.test",)))


@breaks(405, "The URL of an https origin has an IP address")
def _(s: Stage) -> None:
    s.tls(names=("127.0.0.1",))
    [address] = s.settings["ORIGINS"]["partner"]["connect_to"]
    s.origin("partner", base_url=f"https://{address}/", connect_to=[])


row(
    406,
    "The URL has https, and the origin speaks HTTP",
    lambda s: s.origin("partner", connect_to=[s.backends.s3.address]),
)


@breaks(407, "An origin asks for a client certificate")
def _(s: Stage) -> None:
    def demand(context: ssl.SSLContext) -> None:
        context.verify_mode = ssl.CERT_REQUIRED

    made = s.stack.enter_context(tls_origin(s.folder / "tls3", demand))
    shutil.copy(made.ca_file or "", s.file("ca.pem"))
    s.partner_at(made)


NO_KEY = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
row(
    408,
    "The clock of the storage differs by an hour",
    storage(lambda _: Answer(404, [("Date", formatdate(time.time() - 3600, usegmt=True))], NO_KEY)),
)
row(
    409,
    "The bucket is in another region",
    storage(lambda _: Answer(400, [("x-amz-bucket-region", "eu-west-3")], NO_KEY)),
)
row(410, "The secret key of the bucket is wrong", origin("documents", secret_key="wrong"))
row(410, "The access key of the bucket is wrong", origin("documents", access_key="unknown"))
row(411, "The name of the bucket is misspelt", origin("documents", bucket="reports-2025"))
row(
    412,
    "Everybody can list the bucket",
    storage(lambda request: Answer(200 if "list-type" in request.target else 404)),
)


def object_at(s: Stage, answer: Callable[[Request], Answer]) -> None:
    """Name an object of a storage that answers so."""
    s.storage(answer)
    asks(object="archive/x", download="")(s)


@breaks(412, "Everybody can read the named object")
def _(s: Stage) -> None:
    def answer(request: Request) -> Answer:
        found = 404 if "list-type" in request.target else 200 if request.method == "HEAD" else 206
        return Answer(found, [], b"x")

    object_at(s, answer)


@breaks(413, "The storage redirects to a host that `redirect_hosts` lacks")
def _(s: Stage) -> None:
    away = [("Location", "https://elsewhere.test/x")]
    object_at(s, lambda r: Answer(302 if "Signature" in r.target else 404, away))


row(413, "The object was deleted", asks(object=f"documents/{KEY}.old"))


@breaks(414, "A proxy in front of the storage refuses HEAD")
def _(s: Stage) -> None:
    object_at(
        s, lambda r: Answer(403 if r.method == "HEAD" or "Signature" not in r.target else 206, [], b"x")
    )


row(415, "The directory of an origin was removed", lambda s: shutil.rmtree(s.file("media")))
row(415, "NGINX's workers may not enter the directory", lambda s: s.file("media").chmod(0o700))
row(
    416,
    "The token in `request_headers` is not valid any more",
    origin("partner", request_headers={"Authorization": "Bearer old"}),
)

# Log and disk


@breaks(501, "The log is not readable for the user of `ingest`")
def _(s: Stage) -> None:
    s.file("log/xaccel.log").chmod(0o600)
    s.user = 65534


def small(s: Stage, name: str, size: str = "1m") -> Path:
    """Mount a small disk in the folder of the site."""
    place = s.stack.enter_context(small_disk(s.folder, size, name))
    s.stack.callback(s.stop)
    place.chmod(0o755)
    return place


def fill(place: Path) -> None:
    with contextlib.suppress(OSError), (place / "filled").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


@breaks(504, "The log's disk is full")
def _(s: Stage) -> None:
    place = small(s, "small")
    s.change(TRANSFER_LOG=str(place / "xaccel.log"))
    fill(place)


row(503, "The log was removed", lambda s: s.file("log/xaccel.log").unlink())
row(502, "NGINX's workers may not enter the log's folder", lambda s: s.file("log").chmod(0o700))


def rotate(s: Stage, log: str = "log/xaccel.log") -> None:
    """Rename a log, and send NGINX no signal."""
    s.file(log).rename(s.file(f"{log}.1"))
    s.file(log).touch()


row(503, "The log was rotated, and NGINX got no USR1", rotate)
row(
    507,
    "The log was never rotated, and has 2 GB",
    lambda s: os.truncate(s.file("log/xaccel.log"), 2 * 1024**3),
    "warn",
)
row(505, "Your own error page was removed", lambda s: s.file("missing.html").unlink())

# Download

IGNORED = "proxy_ignore_headers X-Accel-Redirect; proxy_pass_header X-Accel-Redirect;"
row(601, "`proxy_ignore_headers X-Accel-Redirect` in the app's location", in_location(IGNORED))
row(308, "The address is the app's own", lambda s: ask_at(s, s.backends.app.address))
row(602, "The app server is stopped", lambda s: app_at(s, f"127.0.0.1:{free_port()}"))


def refuses(code: str, status: int = 403, message: str = "") -> Break:
    """Let a storage refuse each signed request with a code."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return lambda s: object_at(s, lambda r: Answer(status if "Signature" in r.target else 403, [], body))


def app_at(s: Stage, address: str) -> None:
    """Let NGINX proxy to another app."""
    conf("http://{app};", f"http://{address};")(s)


def own_app(s: Stage, environment: Mapping[str, str] = MappingProxyType({}), **settings: object) -> str:
    """Run an app with the settings of the site, or with others, and return its address."""
    folder = s.folder / f"app-{len(list(s.folder.glob('app-*')))}"
    return s.stack.enter_context(running_app(folder, {**s.settings, **settings}, **environment)).address


COMMON = "django.middleware.common.CommonMiddleware"
"""It compares the Host with ALLOWED_HOSTS."""


def in_the_app(*, middleware: str = COMMON, **settings: object) -> Break:
    """Put an app with other settings of Django behind NGINX."""
    settings |= {"MIDDLEWARE": ["xaccel.django.HandOffMiddleware", middleware]}
    environment = {"LIVE_SETTINGS": json.dumps({"ALLOWED_HOSTS": ["*"], **settings})}
    return lambda s: app_at(s, own_app(s, environment))


def _app(s: Stage, secret: str = SECRET, **options: object) -> None:
    app_at(s, own_app(s, SECRET=secret, ORIGINS={"documents": s3_origin(s.backends, **options)}))


row(603, "The app was not restarted after a change of the secret", lambda s: _app(s, OTHER_SECRET))
row(
    604,
    "The app was not restarted after a change of the endpoint",
    lambda s: _app(s, endpoint_url=other_endpoint(s)),
)
row(605, "The download does not exist", asks(download="/nothing"), "unknown")
row(
    621,
    "The app is in debug mode, and its location lacks secret-debug.conf",
    in_the_app(DEBUG=True),
    says="secret-debug.conf",
)


@breaks(619, "The location of the app sends no Host, so Django refuses the request", says="$http_host")
def _(s: Stage) -> None:
    in_the_app(ALLOWED_HOSTS=["localhost"])(s)
    asks(url=s.url.replace("127.0.0.1", "localhost"))(s)
    conf("proxy_set_header Host $http_host;", "")(s)


row(
    413,
    "The app names an object that the bucket lacks",
    asks(download=download("gone.txt"), object=""),
    says="gone.txt of origin documents: NoSuchKey",
)


def _cut(s: Stage) -> None:
    def answer(request: Request) -> Answer:
        reply = FrontDoor.at(s.url).ask(request.method, request.target, dict(request.headers))
        headers = [each for each in reply.came if each[0].lower() not in ("connection", "content-length")]
        body = reply.body[:-9] if request.target.startswith("/send") else reply.body
        length = ("Content-Length", reply.header("Content-Length"))
        return Answer(reply.status, [*headers, length], body, close=True)

    asks(url=s.stack.enter_context(origin_server(answer)).url)(s)


row(606, "A proxy in front cuts the download", _cut)
IN_FRONT = "in front of it"
row(607, "A proxy in front removes Range", front('proxy_set_header Range "";'), says=IN_FRONT)
row(
    608,
    "A proxy in front refuses HEAD",
    front("if ($request_method = HEAD) { return 405; }"),
    says=IN_FRONT,
)
row(
    609,
    "A proxy in front removes If-None-Match",
    front('proxy_set_header If-None-Match "";'),
    says=IN_FRONT,
)


@breaks(610, "The app sends another object than the one named")
def _(s: Stage) -> None:
    s.backends.s3.put(s.backends.bucket, "other.txt", b"something else", "text/plain")
    asks(object="documents/other.txt")(s)


row(611, "A proxy in front adds a header of the storage", front("add_header x-amz-request-id 1;"))
HIDDEN = "proxy_hide_header Content-Disposition;"
row(612, "A proxy in front removes Content-Disposition", front(HIDDEN))


@breaks(612, "A proxy in front replaces Content-Type")
def _(s: Stage) -> None:
    asks(download=download(content_type="text/csv"))(s)
    s.front("proxy_hide_header Content-Type; add_header Content-Type text/plain;")


row(
    612,
    "A proxy in front replaces Content-Disposition",
    front(f'{HIDDEN} add_header Content-Disposition "inline; filename=x";'),
)
row(
    613,
    "A proxy in front compresses",
    front("gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1; gzip_http_version 1.0;"),
)
row(
    614,
    "Nothing that is cached is valid (`valid` of CACHE)",
    lambda s: s.change(CACHE={**s.settings["CACHE"], "valid": "0s"}),
    "warn",
)


@breaks(615, "NGINX got no USR1, and the doctor's user may not see the open files of NGINX")
def _(s: Stage) -> None:
    rotate(s)
    s.user = 65534


row(
    616,
    "A shared cache in front stores private files",
    front(
        "proxy_cache shared; proxy_cache_key $request_uri; proxy_cache_valid 200 1m; proxy_no_cache $http_range;"
        " proxy_ignore_headers Cache-Control Expires Vary Set-Cookie; proxy_cache_bypass $http_range;"
        " proxy_set_header Range $http_range; proxy_set_header If-Range $http_if_range;",
        "proxy_cache_path {folder}/shared keys_zone=shared:1m use_temp_path=off;",
    ),
)
PUBLIC = send_target({"origin": "documents", "key": KEY, "options": {"cache_version": "v1"}})
row(616, "The app does not check the credentials", asks(download=PUBLIC))


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A breakage that needs more than this stage, such as Django, and the test that has it."""

    id: str
    what: str
    status: str
    test: str


IN_DJANGO = (
    Elsewhere(
        "XA106",
        "A file that is mounted into the container was replaced outside",
        "fail",
        "tests/unit/tools/doctor/test_causes.py::test_a_mounted_file_that_was_replaced_is_named",
    ),
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
        "XA104",
        "GRANTS name another cookie than SESSION_COOKIE_NAME",
        "warn",
        "tests/django/test_checks.py::test_W009_grants_name_another_cookie_than_the_sessions_have",
    ),
    Elsewhere(
        "XA107",
        "A migration of the audit trail was not applied: its table lacks a column",
        "fail",
        "tests/audit/test_tables.py::test_a_column_that_the_audit_s_table_lacks_is_named",
    ),
    Elsewhere(
        "XA107",
        "`manage.py migrate` was forgotten for uploads",
        "fail",
        "tests/audit/test_tables.py::test_a_missing_table_is_named",
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

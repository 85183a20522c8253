"""An app that lets NGINX remember its hand-offs, in the test's process: its permissions change while NGINX runs."""

from __future__ import annotations

import io
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.live.client import Reply, ask
from tests.live.conftest import config_text
from tests.live.objects import serve
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.site import Site, read_mapping
from xaccel.site.site import Grants
from xaccel.wsgi import Downloads, HandOffMiddleware
from xaccel_testing import NginxServer, S3Server, Variant, free_port, nginx_server
from xaccel_testing.servers.processes import wait_until

SECRET = "grants-0123456789-abcdefghijklmnopqrstuvwxyz"
BODY = bytes(range(256)) * 256
COOKIE = "sid"
ORIGINS = ("media", "partner", "bucket")
FOLDER = "films/7/"
SEGMENTS = 600


def segment(name: str) -> bytes:
    """The object of a folder."""
    return f"{name} of the film\n".encode() * 10


def fill_bucket(s3: S3Server, bucket: str) -> None:
    """Store the objects of the scene in a bucket."""
    s3.create_bucket(bucket)
    objects = {"a": BODY} | {f"{FOLDER}{name}": segment(name) for name in names()}
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: s3.put(bucket, key, objects[key]), objects))


def names() -> list[str]:
    """The names of the objects in the folder: two of them are deeper, and one begins with a dot."""
    return [f"s{number}.ts" for number in range(SEGMENTS)] + ["list.m3u8", "4/5/6.png", "c/.zarray"]


def environ_of(request: Request) -> dict[str, Any]:
    """The request as a WSGI server has it (PEP 3333)."""
    path, _, query = request.target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "wsgi.input": io.BytesIO(request.body),
    }
    for name, _ in request.headers:
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = request.header(name)
    return environ


@dataclass
class Scene:
    """NGINX, and the app with its users.

    may: pairs of a user and an object key, or a folder, which the app then grants. sessions: users by the value of
    their cookie. calls: requests of the app. life: seconds of a grant; None: none. pages: the app's response to a whole
    path. before: called before the app decides.
    """

    site: Site
    variant: Variant
    folder: Path
    may: set[tuple[str, str]] = field(default_factory=set)
    sessions: dict[str, str] = field(default_factory=dict)
    calls: list[Request] = field(default_factory=list)
    life: int | None = 300
    pages: dict[str, Callable[[Request], Answer]] = field(default_factory=dict)
    before: Callable[[Request], object] = lambda _: None
    text: str = ""
    port: int = 0
    nginx: NginxServer = field(init=False)
    app: Origin = field(init=False)

    def __post_init__(self) -> None:
        self.downloads = Downloads(self.site)
        self.passing = HandOffMiddleware(self.wsgi, self.downloads)

    def user(self, name: str, *keys: str) -> str:
        """Add a user with a session who may have these objects; return the value of the cookie."""
        session = f"{name}.{secrets.token_hex(16)}"
        self.sessions[session] = name
        self.may |= {(name, key) for key in keys}
        return session

    def get(
        self,
        path: str,
        session: str | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | tuple[tuple[str, str], ...] = (),
    ) -> Reply:
        """Request a path with a session."""
        sent = list(headers.items() if isinstance(headers, Mapping) else headers)
        if session is not None:
            sent.append(("Cookie", f"{COOKIE}={session}"))
        return ask(self.port, path, method, sent)

    def raw(self, line: str, *headers: str, port: int | None = None) -> int:
        """Send a request line and headers byte for byte, and return the status. The host is the usual one."""
        host = () if any(each.startswith("Host:") for each in headers) else (f"Host: 127.0.0.1:{self.port}",)
        text = "\r\n".join([f"{line} HTTP/1.1", *host, *headers, "Connection: close", "", ""])
        with socket.create_connection(("127.0.0.1", port or self.port), timeout=60) as connection:
            connection.sendall(text.encode("latin-1"))
            return int(connection.makefile("rb").readline().split()[1])

    def calls_of(self, action: Callable[[], object]) -> int:
        """How often the app was asked."""
        before = len(self.calls)
        action()
        return len(self.calls) - before

    def entries(self, count: int, **where: str) -> list[dict[str, Any]]:
        """The log entries with these values, once there are so many."""

        def found() -> list[dict[str, Any]]:
            lines = self.nginx.lines(containing='"v":1')
            return [line for line in lines if all(line[name] == value for name, value in where.items())]

        assert wait_until(lambda: len(found()) >= count, timeout_s=60), found()
        return found()

    def answer(self, request: Request) -> Answer:
        """Respond as the app."""
        self.calls.append(request)
        self.before(request)
        path = request.target.partition("?")[0]
        if path in self.pages:
            return self.pages[path](request)
        sent: list[tuple[int, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            sent.append((int(status[:3]), headers))

        body = b"".join(self.passing(environ_of(request), start))
        [(status, headers)] = sent
        return Answer(status=status, headers=headers, body=body)

    def wsgi(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        """The app itself: it finds the user by the session or by a bearer token."""
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(COOKIE)
        session = cookie.value if cookie else ""
        bearer = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        user = self.sessions.get(bearer or session, "")
        origin, _, key = environ["PATH_INFO"].removeprefix("/files/").partition("/")

        folder = "/".join(key.split("/")[:2]) + "/" if key.startswith("films/") else ""
        if origin not in self.site.origins or (user, folder or key) not in self.may:
            return self.downloads.deny_download(environ, start, subject=user)
        options: dict[str, Any] = {"subject": user}
        tag = f"folder of {user}" if folder else f"object {key}"
        if self.life is not None:
            options |= {"grant": self.life, "grant_session": session, "grant_tags": [tag]}
        more = {"grant_folder": folder} if folder else {"content_type": "application/octet-stream"}
        return self.downloads.send_file(environ, start, key, origin=origin, **options, **more)


@contextmanager
def scene(
    folder: Path,
    variant: Variant,
    *,
    change: Callable[[str], str] = lambda text: text,
    origins: Mapping[str, Mapping[str, Any]] | None = None,
    grants: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Iterator[Scene]:
    """Run NGINX for a site with grants below /files/. `change` edits the text of its configuration."""
    (folder / "media").mkdir(parents=True, exist_ok=True)
    for name in ("a", "b", "c"):
        (folder / "media" / name).write_bytes(BODY)
    for name in names():
        path = folder / "media" / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(segment(name))
    named = {
        "paths": ["/files/"],
        "folders": ["/files/*/films/*/"],
        "cookie": COOKIE,
        "listen": f"127.0.0.1:{free_port()}",
        "folder": str(folder / "nginx" / "grants"),
        **(grants or {}),
    }
    with origin_server(_of_partner) as partner:
        site = read_mapping.read(
            {
                "SECRET": SECRET,
                "ORIGINS": {
                    "media": {"type": "local", "root": str(folder / "media")},
                    "partner": {"type": "http", "base_url": f"{partner.url}/"},
                    **(origins or {}),
                },
                "GRANTS": {"app": "127.0.0.1:1", **named},
                **settings,
            }
        )
        made = Scene(site, variant, folder, port=free_port())
        with origin_server(made.answer) as app:
            made.app = app
            with_app = replace(site, grants=Grants(**{**_fields(site), "app": app.address}))
            made.text = change(config_text(with_app, variant, app.address, made.port))
            with nginx_server(
                folder / "nginx", made.text, binary=variant.binary, ready_port=made.port
            ) as nginx:
                made.nginx = nginx
                yield made


def _fields(site: Site) -> dict[str, Any]:
    assert site.grants is not None
    return {name: getattr(site.grants, name) for name in Grants.__dataclass_fields__}


def _of_partner(request: Request) -> Answer:
    if request.target.startswith(f"/{FOLDER}"):
        return Answer(body=segment(request.target.removeprefix(f"/{FOLDER}")))
    return serve(request, BODY, headers=[("Content-Type", "text/plain")])

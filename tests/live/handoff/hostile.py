"""An app beside a hostile backend in one server: what NGINX's subrequests (mirror, SSI, …) let the backend do."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from tests.live import gates, stand_in
from tests.live.client import Reply, ask
from tests.live.conftest import build_of
from tests.live.front.front_door import CLIENTS, certify, listening
from tests.live.front.guest import operators_text
from tests.live.front.transfer import Asked
from tests.live.objects import serve
from tests.live.stage import Stage, application, kind, target
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.handoff.builder import HandOff
from xaccel.sender import Sender
from xaccel.site import read_mapping
from xaccel.tools.nginx import Parts, emit, render
from xaccel.tools.nginx.engine_files import FOLDER
from xaccel_testing import Variant, free_port, nginx_server

SECRET = "hostile-0123456789-abcdefghijklmnopqrstuvwxyz"
TOKEN = "Bearer of-the-partner"
BODY = b"what the app let the user have " * 400
STOLEN = b"what nobody was let to have"
FORGED_ID = "019aae21-0000-7000-8000-000000000000"
KEYS = {"access_key": "AKIAHOSTILE", "secret_key": "s", "region": "us-east-1"}

LOCATIONS = """
    location / {{ proxy_pass http://{app}; {included} }}
    location /mirrored/ {{ mirror /b/sub; proxy_pass http://{app}/; {included} }}
    location /checked/ {{ auth_request /b/check; proxy_pass http://{app}/; {included} }}
    location /relayed/ {{ mirror /upload/x; proxy_pass http://{app}/; {included} }}
    location /twice/ {{ mirror /again; proxy_pass http://{app}/; {included} }}
    location = /again {{ proxy_pass http://{app}$again; {included} }}
    location /entered/ {{ auth_request /entry; proxy_pass http://{hostile}; }}
    location = /entry {{ proxy_pass http://{app}$again; {included} }}
    location /b/ {{ ssi on; ssi_value_length 4096; proxy_pass http://{hostile}; proxy_set_header Accept-Encoding ""; }}
    location /c/ {{ rewrite ^/c(/.*)$ $1 break; proxy_pass http://{hostile}; }}
    location = /ping {{ return 204; access_log off; }}
"""
ADDED = """
    location /b/added/ { add_after_body /b/sub; proxy_pass http://%s; }
    location /appended/ { add_after_body /again; proxy_pass http://%s; }
"""


class Settles(Protocol):
    def settle(self) -> None: ...


@dataclass
class Hostile:
    """NGINX with the app at /, mirrored to the backend at /mirrored/, and the backend at /b/.

    app_waits, origin_waits, signature_waits: called before the app or an origin answers, or the app signs. pages: what
    the backend answers, by the path behind /b/, or the app by its whole path. `text` is the whole configuration.
    """

    stage: Stage
    origin: Origin
    backend: Origin
    text: str
    tls: tuple[int, Path]
    app_waits: Callable[[], None] = lambda: None
    origin_waits: Callable[[], None] = lambda: None
    signature_waits: Callable[[], None] = lambda: None
    pages: dict[str, Callable[[Request], Answer]] = field(default_factory=dict)

    @property
    def named_locations(self) -> list[str]:
        return sorted(set(re.findall(r"location (@\S+)", self.text)))

    @property
    def variables(self) -> list[str]:
        """Every variable of the configuration but NGINX's own."""
        engine = "".join(path.read_text() for path in FOLDER.rglob("*.conf"))
        return sorted(set(re.findall(r"(?:\$\{?|\?<)(xaccel_\w+)", self.text + engine)))

    def ask(
        self,
        protocol: str,
        path: str,
        until: Callable[[], Any] = lambda: None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Reply:
        """One request. `until` is called before the client leaves: NGINX then ends a mirrored request that runs."""
        connection = CLIENTS[protocol](*self.tls)
        try:
            reply = connection.send(Asked(path, headers=headers)).reply()
            until()
            return reply
        finally:
            connection.close()

    def sender(self, origin: str) -> str:
        """The location that sends files of an origin."""
        return re.findall(rf"origin={origin} sender=(@\w+)", self.text)[0]

    def settle(self) -> None:
        ping(self.stage.nginx.port)

    def reset(self) -> None:
        self.app_waits = self.origin_waits = self.signature_waits = lambda: None
        self.pages.clear()
        self.origin.requests.clear()
        self.backend.requests.clear()
        self.stage.hand_offs.clear()


def ping(port: int) -> None:
    """Return when an NGINX with one worker has read what was written to it before."""
    for _ in range(2):
        assert ask(port, "/ping").status == 204


class Gate:
    """Opens when the backend's answer is written, and NGINX has read it: `server` settles."""

    def __init__(self, server: Settles) -> None:
        self._server, self._written = server, threading.Event()

    def answers(
        self, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Callable[[Request], Answer]:
        """An answer that opens the gate."""

        def blocks() -> Iterator[bytes]:
            yield b"of the hostile backend"
            self._written.set()

        return lambda _: Answer(status=status, headers=list((headers or {}).items()), body=blocks())

    def wait(self) -> None:
        assert self._written.wait(60), "the backend was not asked"
        self._server.settle()


def included(*paths: str) -> str:
    """What an SSI page has to say to include others, one after another."""
    return "".join(f'[<!--# include virtual="{path}" wait="yes" -->]' for path in paths)


def page(body: str) -> Callable[[Request], Answer]:
    return lambda _: Answer(headers=[("Content-Type", "text/html")], body=body.encode())


def redirects(
    to: str, private: Mapping[str, str] | None = None, *, leads: str = ""
) -> Callable[[Request], Answer]:
    """An answer with `X-Accel-Redirect` and private headers; `leads` makes it a redirect, as of an origin."""
    sent = {"X-Accel-Redirect": to, "Content-Type": "text/html", **(private or {})}
    if leads:
        sent["Location"] = leads
    return lambda _: Answer(status=302 if leads else 200, headers=list(sent.items()))


def as_the_engine(site: str, settings: str, id_: str = FORGED_ID) -> list[str]:
    """What `$args` of a request could be for the engine to take them for its own: trusted by the site, or the mark."""
    word = f"trusted site={site}"
    return [f"{word} {settings}", f"{word} {word} {settings}", f"trusted {word} {settings}", id_]


def in_page(origin: str, key: str = "x", **options: Any) -> str:
    """The path of a download, as an SSI page can write it."""
    return target(origin, key, options)


@contextmanager
def hostile_server(variant: Variant, folder: Path) -> Iterator[Hostile]:
    build, port, tls_port, made = build_of(variant), free_port(), free_port(), list[HandOff]()
    for name in ("media", "nginx"):
        (folder / name).mkdir()
    (folder / "media" / "x").write_bytes(BODY)
    (folder / "media" / "stolen").write_bytes(STOLEN)
    with ExitStack() as opened:
        origin = opened.enter_context(origin_server(lambda _: Answer()))
        origins: dict[str, dict[str, Any]] = {
            "partner": {"base_url": f"{origin.url}/files/", "request_headers": {"Authorization": TOKEN}},
            "cached": {"base_url": f"{origin.url}/cached/", "cache": True},
            "granted": {"base_url": f"{origin.url}/granted/"},
            "bucket": {"bucket": "bucket", "endpoint_url": origin.url, **KEYS},
            "media": {"root": str(folder / "media")},
        }
        archives = stand_in.settings()
        (folder / "mirror.conf").write_text("mirror /b/sub;")
        gated = gates.settings(folder / "nginx", archives["listen"], include=str(folder / "mirror.conf"))
        site = read_mapping.read(
            {
                "SECRET": SECRET,
                "CACHE": {"path": "cache", "slice": "4k"},
                "ARCHIVES": archives,
                **gated,
                "ORIGINS": {name: {"type": kind(options), **options} for name, options in origins.items()},
            }
        )
        hands_off = application(Sender(site), made, lambda key: len(STOLEN if key == "stolen" else BODY))
        running: list[Hostile] = []

        def decide(request: Request) -> Answer:
            if site.is_for_signatures(request.target):
                running[0].signature_waits()
            else:
                running[0].app_waits()
            return running[0].pages.get(request.target.partition("?")[0], hands_off)(request)

        def respond(request: Request) -> Answer:
            running[0].origin_waits()
            return an_object(request)

        def attack(request: Request) -> Answer:
            path = request.target.partition("?")[0].removeprefix("/b/")
            return running[0].pages.get(path, lambda _: Answer())(request)

        app = opened.enter_context(origin_server(decide))
        hostile = opened.enter_context(origin_server(attack))
        origin.answer = respond
        parts = render(stand_in.with_app(site, app.address), build)
        ca_file = certify(folder / "nginx")
        own = LOCATIONS.format(app=app.address, hostile=hostile.address, included=emit(parts.app))
        if "addition" in build.modules:
            own += ADDED % (hostile.address, hostile.address)
        doors = emit(listening(tls_port, folder / "nginx", quic=False))
        http = "map $request_uri $again { ~^/[a-z]+(/.*)$ $1; }"
        text = _text(variant, parts, port, http, doors + own)
        nginx = opened.enter_context(
            nginx_server(folder / "nginx", text, binary=variant.binary, ready_port=port)
        )
        running.append(Hostile(Stage(nginx, site, variant, made), origin, hostile, text, (tls_port, ca_file)))
        yield running[0]


def _text(variant: Variant, parts: Parts, port: int, http: str, server: str) -> str:
    around = operators_text(
        variant,
        http=http,
        more=f"server {{ listen 127.0.0.1:{port}; {server} {emit(parts.server)} }}",
    )
    text = around(replace(parts, server=(), app=()), free_port(), "127.0.0.1:1")
    return text.replace("worker_processes 2;", "worker_processes 1;")


def an_object(request: Request) -> Answer:
    """What an origin has: the name decides."""
    name = request.target.partition("?")[0].rpartition("/")[2]
    if name == "rubbish":
        return Answer(raw=b"no HTTP at all\r\n\r\n")
    if name == "moved":
        return Answer(status=302, headers=[("Location", "x")])
    if name == "stolen":
        return serve(request, STOLEN)
    plain = [("Content-Type", "text/plain")]
    return serve(request, BODY if name == "x" else f"the object {name}".encode(), headers=plain)

"""Two sites of one NGINX that share the address of the assembler. The app of the first one writes hostile templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.live.client import ask
from tests.live.conftest import build_of, config_text
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel import ObjectRef, Options, Sender
from xaccel.features.archives.ticket import Ticket
from xaccel.site import Site, read_mapping
from xaccel.site.keys import seal
from xaccel.tools.nginx import render
from xaccel_testing import Variant, free_port, nginx_server

OWN, OTHERS = "own-secret-0123456789-abcdefghijklmnopq", "others-secret-0123456789-abcdefghijklmn"
PARTNER = "?0:0-6/7:7:w:{url}#"
STOLEN = b"stolen!"
TAG = "0" * 32
TEMPLATE = f"/_xaccel/archives/{TAG}"
LENGTH = 40_000
SITE_AT_ONCE = 4
"""Archives of a site at the same time."""
_MAX_TEMPLATES = 500
"""Then the app ends an attack that NGINX does not end."""


@dataclass
class Hostile:
    """Two sites of one NGINX. commands: of the template. replies: headers that replace the app's, by the path."""

    port: int
    app: Origin
    own: Origin
    others: Origin
    elsewhere: Origin
    text: str
    shop: Site
    site: Site
    listen: str
    logs: Path
    commands: list[bytes]
    replies: dict[str, dict[str, str]]

    @property
    def templates(self) -> int:
        """How often the app was asked for a template."""
        return [request.target.partition("?")[0] for request in self.app.requests].count(TEMPLATE)

    @property
    def named_locations(self) -> list[str]:
        return sorted(set(re.findall(r"location (@\S+)", self.text)))

    def assembled(self, *commands: str) -> bytes:
        """What the client gets of an archive whose template has these commands."""
        self.commands[:] = [command.encode() for command in commands]
        try:
            return ask(self.port, "/x").body
        except Exception as error:  # noqa: BLE001  (a broken transfer: what came counts)
            return getattr(error, "partial", b"")


def include(path: str) -> str:
    return f'<!--#include virtual="{path}" wait="yes" -->'


def settings(secret: str, origin: Origin, media: Path, listen: str, app: str, **more: Any) -> dict[str, Any]:
    media.mkdir()
    partner = {
        "type": "http",
        "base_url": f"{origin.url}/",
        "request_headers": {"Authorization": f"Bearer of-{secret[:6]}"},
    }
    origins = {"partner": partner, "media": {"type": "local", "root": str(media)}}
    archives = {"app": app, "listen": listen, "proven": ["partner"], "site_at_once": SITE_AT_ONCE}
    return {"SECRET": secret, "ORIGINS": origins, "ARCHIVES": archives, **more}


def ticket_of(site: Site) -> str:
    """Seal a ticket that does not end."""
    return seal(site, Ticket(TAG, "", "", 2**40))


@contextmanager
def hostile_site(variant: Variant, folder: Path) -> Iterator[Hostile]:
    """Run both sites in front of one app."""
    port, listen = free_port(), f"127.0.0.1:{free_port()}"
    commands, replies = list[bytes](), dict[str, dict[str, str]]()

    def app(request: Request) -> Answer:
        path = request.target.partition("?")[0]
        if path == "/shop":
            return Answer(headers=[*Sender(other).hand_off(ObjectRef("media", "theirs.txt")).headers])
        if path != TEMPLATE:
            url = f"http://archives.invalid/archive/{TAG}?token={ticket_of(site)}"
            options = Options(size=LENGTH, etag="x", concurrency="unlimited")
            made = sender.hand_off(ObjectRef("archives", url=url), options=options)
            return Answer(headers=[*{**dict(made.headers), **replies.get(path, {})}.items()])
        if len(server.requests) > _MAX_TEMPLATES:
            return Answer(500)
        headers = {"Content-Type": "application/x-xaccel-template", "Archive-Length": str(LENGTH)}
        return Answer(
            headers=[*{**headers, **replies.get(path, {})}.items()],
            body=b"template:" + b"".join(commands) + b'<!--#if expr="1" --><!--#endif -->',
        )

    def sends(request: Request) -> Answer:
        return Answer(body=STOLEN)

    with (
        origin_server(app) as server,
        origin_server(sends) as own,
        origin_server(sends) as others,
        origin_server(sends) as elsewhere,
    ):
        site = read_mapping.read(settings(OWN, own, folder / "own", listen, server.address))
        other = read_mapping.read(
            settings(OTHERS, others, folder / "others", listen, server.address, NAME="shop")
        )
        (folder / "others" / "secret.txt").write_bytes(STOLEN)
        (folder / "others" / "theirs.txt").write_bytes(b"of the other site")
        (folder / "own" / "mine.txt").write_bytes(b"my own!")
        sender, parts = Sender(site), render(other, build_of(variant))
        text = config_text(
            site, variant, server.address, port, extra_http=parts.http, extra_server=parts.server
        )
        text = text.replace("worker_connections 4096", "worker_connections 512")  # NGINX's own default
        with nginx_server(folder / "nginx", text, binary=variant.binary, ready_port=port):
            made = Hostile(
                port,
                server,
                own,
                others,
                elsewhere,
                text,
                other,
                site,
                listen,
                folder / "nginx",
                commands,
                replies,
            )
            yield made

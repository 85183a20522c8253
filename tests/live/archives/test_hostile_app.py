"""An app with a valid secret gets nothing by a template that it may not have: the origins of its own site are all.

Two sites of one NGINX share the address of the assembler, and have an origin of the same name. The app of the first one
is hostile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.live.client import ask
from tests.live.conftest import build_of, config_text
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel import ObjectRef, Options, Sender
from xaccel.archives.ticket import Ticket, seal
from xaccel.nginx import render
from xaccel.nginx.engine_files import contents
from xaccel.site import read_mapping
from xaccel.site.site import nginx_token
from xaccel_testing import Variant, free_port, nginx_server

OWN, OTHERS = "own-secret-0123456789-abcdefghijklmnopq", "others-secret-0123456789-abcdefghijklmn"
PARTNER = "?0:0-6/7:7:w:{url}#"
STOLEN = b"stolen!"


@dataclass
class Hostile:
    port: int
    own: Origin
    others: Origin
    elsewhere: Origin
    text: str
    listen: str
    commands: list[bytes] = field(default_factory=list)

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
    archives = {"app": app, "listen": listen, "proven": ["partner"]}
    return {"SECRET": secret, "ORIGINS": origins, "ARCHIVES": archives, **more}


@pytest.fixture(scope="module")
def hostile(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    folder, port, listen = tmp_path_factory.mktemp("hostile"), free_port(), f"127.0.0.1:{free_port()}"
    commands: list[bytes] = []

    def app(request: Request) -> Answer:
        if not request.target.startswith("/_xaccel/archives/"):
            ticket = seal(site, Ticket("0" * 32, "", "", 2**40))
            ref = ObjectRef("archives", url=f"http://archives.invalid/archive/{'0' * 32}?token={ticket}")
            made = sender.hand_off(ref, options=Options(size=10_000, etag="x"))
            return Answer(headers=made.headers)
        headers = [("Content-Type", "application/x-xaccel-template"), ("Archive-Length", "10000")]
        return Answer(
            headers=headers, body=b"template:" + b"".join(commands) + b'<!--#if expr="1" --><!--#endif -->'
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
        (folder / "own" / "mine.txt").write_bytes(b"my own!")
        sender, parts = Sender(site), render(other, build_of(variant))
        text = config_text(
            site, variant, server.address, port, extra_http=parts.http, extra_server=parts.server
        )
        with nginx_server(folder / "nginx", text, binary=variant.binary, ready_port=port):
            yield Hostile(port, own, others, elsewhere, text, listen, commands)


def nothing_stolen(hostile: Hostile, *commands: str) -> None:
    for origin in (hostile.others, hostile.elsewhere):
        origin.requests.clear()
    body = hostile.assembled(*commands)
    assert STOLEN not in body
    assert hostile.others.requests == hostile.elsewhere.requests == []


def test_its_own_origins_are_there(hostile: Hostile) -> None:
    """Without this the others would prove nothing."""
    assert STOLEN in hostile.assembled(
        include("/member/partner" + PARTNER.format(url=f"{hostile.own.url}/x"))
    )
    url = "http://archives.invalid/file/media/mine.txt"
    assert b"my own!" in hostile.assembled(include("/member/archives" + PARTNER.format(url=url)))


@pytest.mark.parametrize("origin", ["partner", "archives"])
def test_no_other_host_is_reached(hostile: Hostile, origin: str) -> None:
    for url in (
        f"{hostile.elsewhere.url}/x",
        f"{hostile.others.url}/x",
        "http://archives-shop.invalid/file/media/secret.txt",
        f"http://{hostile.listen}/file/media/secret.txt",
        "http://archives.invalid/file/media/../../others/secret.txt",
        "http://archives.invalid/file/media/%2e%2e/%2e%2e/others/secret.txt",
        "http://unix:/tmp/x:/",
        f"{hostile.own.url}@{hostile.elsewhere.address}/x",
    ):
        nothing_stolen(hostile, include(f"/member/{origin}" + PARTNER.format(url=url)))


@pytest.mark.parametrize(
    "path",
    [
        "/member/shop" + PARTNER.format(url="http://127.0.0.1/x"),
        "@xaccel_fetch",
        "/@xaccel_shop_fetch",
        "/_xaccel_shop/partner",
        "/_xaccel_shop/media/secret.txt",
        "/_xaccel/media/secret.txt",
        "/file/media/../../others/secret.txt",
        "/../others/secret.txt",
        "/etc/passwd",
    ],
)
def test_no_other_location_is_reached(hostile: Hostile, path: str) -> None:
    nothing_stolen(hostile, include(path), f'<!--#include file="{path}" wait="yes" -->')


def variables(hostile: Hostile) -> Sequence[str]:
    texts = [hostile.text, *(text for name, text in contents().items() if name.endswith(".conf"))]
    found = {name for text in texts for name in re.findall(r"\$\{?(xaccel_\w+)", text)}
    found |= {name for text in texts for name in re.findall(r"\?<(xaccel_\w+)>", text)}
    return sorted(found)


def test_no_variable_shows_what_belongs_to_the_other_site(hostile: Hostile) -> None:
    """A template can show every variable, also after a member made the fixed headers of its own origin visible."""
    names = variables(hostile)
    assert "xaccel_shop_fixed_authorization" in names
    member = include("/member/partner" + PARTNER.format(url=f"{hostile.own.url}/x"))
    body = b""
    for start in range(0, len(names), 40):
        shown = [f'[{name}=<!--#echo var="{name}" encoding="none" -->]' for name in names[start : start + 40]]
        body += hostile.assembled(member, *shown)
    assert f"Bearer of-{OWN[:6]}".encode() in body
    for secret in (f"Bearer of-{OTHERS[:6]}", OTHERS, nginx_token(OTHERS)):
        assert secret.encode() not in body


def test_members_that_run_at_once_do_not_mix_two_origins(hostile: Hostile) -> None:
    """Without `wait`, includes share variables while they run."""
    url = "http://archives.invalid/file/media/mine.txt"
    mixed = [
        f'<!--#include virtual="/member/partner{PARTNER.format(url=f"{hostile.own.url}/x")}" -->',
        f'<!--#include virtual="/member/archives{PARTNER.format(url=url)}" -->',
        f'<!--#include virtual="/member/partner{PARTNER.format(url=f"{hostile.elsewhere.url}/x")}" -->',
    ]
    hostile.others.requests.clear()
    hostile.elsewhere.requests.clear()
    hostile.own.requests.clear()
    hostile.assembled(*mixed * 3)
    assert hostile.others.requests == hostile.elsewhere.requests == []
    assert {request.header("Authorization") for request in hostile.own.requests} == {f"Bearer of-{OWN[:6]}"}
    assert not any(request.header("Xaccel-Nginx-Token") for request in hostile.own.requests)

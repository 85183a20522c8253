"""Two sites in one NGINX: they share the engine, and three include lines are all that an operator writes."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest

from tests.json_lines import entries
from tests.live import gates
from tests.live.client import ask
from tests.live.commands import OF_TESTS, operators_conf
from tests.live.conftest import build_of
from tests.live.handoff.hostile import FORGED_ID, KEYS, STOLEN, Gate, as_the_engine, ping, redirects
from tests.live.stage import application, target
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.errors import NginxError
from xaccel.sender import Sender
from xaccel.site import read_mapping
from xaccel.tools.nginx import config_folder
from xaccel.tools.nginx.engine_files import MARKER
from xaccel_testing import NginxServer, Variant, check_config, free_port, nginx_server
from xaccel_testing.servers.processes import wait_until

NAMES = ("", "two")
HOSTILE = """
    location / {{ proxy_pass http://{app}; include xaccel/app.conf; }}
    location /c/ {{ rewrite ^/c(/.*)$ $1 break; proxy_pass http://{app}; include xaccel/app.conf; }}
    location /mirrored/ {{ mirror /sub; proxy_pass http://{app}/; include xaccel/app.conf; }}
"""
"""What the server of the site `two` has besides: its app may get any request."""


@dataclass
class Two:
    """Both sites in one server. origins: by the label of a site. pages: what the app of `two` answers, by path."""

    nginx: NginxServer
    folder: Path
    origins: dict[str, Origin] = field(default_factory=dict)
    pages: dict[str, Callable[[Request], Answer]] = field(default_factory=dict)

    @property
    def named_locations(self) -> list[str]:
        """Those of both sites."""
        texts = (path.read_text() for path in self.folder.glob("xaccel/*/*.conf"))
        return sorted({name for text in texts for name in re.findall(r"location (@\S+)", text)})

    def settle(self) -> None:
        ping(self.nginx.port)


def label(name: str) -> str:
    return name or "one"


def secret(name: str) -> str:
    return f"secret-of-{label(name)}-0123456789-abcdefghijkl"


def mapping(name: str, url: str, folder: Path, listen: str) -> dict[str, Any]:
    options = {
        "base_url": f"{url}/",
        "cache": True,
        "request_headers": {"Authorization": f"token-{label(name)}"},
    }
    return {
        "SECRET": secret(name),
        "NAME": name,
        "TRANSFER_LOG": f"{label(name)}.log",
        "ORIGINS": {
            "store": {"type": "http", **options},
            "files": {"type": "local", "root": str(folder / label(name))},
            "bucket": {"type": "s3", "bucket": "files", "endpoint_url": url, **KEYS},
        },
        **gates.settings(folder / label(name), listen, below=f"/{label(name)}/"),
        "CACHE": {"path": f"cache-{label(name)}"},
        "CONCURRENCY": 3,
    }


@contextmanager
def two_sites(variant: Variant, folder: Path) -> Iterator[Two]:
    """Run both sites in one server, which has the named locations of both."""
    build, port, listen = build_of(variant), free_port(), f"127.0.0.1:{free_port()}"
    with ExitStack() as opened:
        inside = "location = /ping { return 204; }"
        pages: dict[str, Callable[[Request], Answer]] = {}
        origins: dict[str, Origin] = {}
        for name in NAMES:
            (folder / label(name)).mkdir(exist_ok=True)
            answer = Answer(headers=[("Content-Type", "text/plain")], body=f"of {label(name)}".encode())
            origin = opened.enter_context(origin_server(lambda _, answer=answer: answer))
            origins[label(name)] = origin
            site = read_mapping.read(mapping(name, origin.url, folder, listen))
            config_folder.write(config_folder.texts(site, build, folder / "xaccel"), folder / "xaccel")
            hands_off = application(Sender(site), [])
            mine = pages if name else {}

            def decide(request: Request, hands_off: Any = hands_off, mine: Any = mine) -> Answer:
                return mine.get(request.target.partition("?")[0], hands_off)(request)

            app = opened.enter_context(origin_server(decide))
            inside += f"""
                include xaccel/{site.folder}/server.conf;
                location /{label(name)}/ {{ proxy_pass http://{app.address}/; include xaccel/app.conf; }}
                {HOSTILE.format(app=app.address) if name else ""}
            """
        (folder / "one" / "stolen").write_bytes(STOLEN)
        server = f"server {{ listen 127.0.0.1:{port}; {inside} }}"
        text = operators_conf(
            variant.load_modules,
            f"include xaccel/http.conf; {server}",
            top=f"{OF_TESTS} worker_processes 1;",
        )
        with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
            yield Two(nginx, folder, origins, pages)


def test_two_sites_share_the_engine_and_nothing_else(variant: Variant, tmp_path: Path) -> None:
    with two_sites(variant, tmp_path) as two:

        def get(name: str, put: dict[str, str] | None = None) -> tuple[int, bytes]:
            reply = ask(two.nginx.port, f"/{name}{target('store', options={'cache_version': '1'}, put=put)}")
            return reply.status, reply.body

        for _ in range(2):
            assert get("one") == (200, b"of one")
            assert get("two") == (200, b"of two")
        assert get("one", {"X-Accel-Redirect": "/_xaccel_two/store"}) == (404, b"Not found.\n")
        assert get("two", {"X-Accel-Redirect": "/_xaccel/store"}) == (404, b"Not found.\n")

        def logged(name: str) -> list[str]:
            return [entry["why"] for entry in entries(two.folder / f"{name}.log")]

        for name in ("one", "two"):
            assert wait_until(lambda name=name: logged(name) == ["", "", "forged"], timeout_s=60), logged(
                name
            )


@pytest.mark.parametrize(
    ("first", "path"),
    [
        ("/two/x/stolen", "/x/stolen"),
        # your own `rewrite` leads to the address of an origin
        ("/c/_xaccel/files/stolen", "/_xaccel/files/stolen"),
        ("/_xaccel_two/none/stolen", "/_xaccel_two/none/stolen"),
    ],
)
def test_no_app_sends_from_an_origin_of_another_site(
    variant: Variant, tmp_path: Path, first: str, path: str
) -> None:
    """It sends itself a request whose `$args` look like the engine's, then jumps with its own secret."""
    with two_sites(variant, tmp_path) as two:
        one, own = (two.origins[each].url for each in ("one", "two"))
        settings = [
            (one, f"origin=files sender=@xaccel_two_file root={tmp_path / 'one'}"),
            (one, f"origin=store sender=@xaccel_two_fetch home={one} peer={one}"),
            (own, f"origin=store sender=@xaccel_fetch home={own} peer={own}"),
        ]
        for name in two.named_locations:
            for url, place in settings:
                for args in {*as_the_engine("", place), *as_the_engine("_two", place)}:
                    sent = {"Xaccel-Auth": secret("two"), "Xaccel-Id": FORGED_ID, "Xaccel-Url": f"{url}/x"}
                    two.pages |= {"/jump": redirects(f"{first}?{args}"), path: redirects(name, sent)}
                    reply = ask(two.nginx.port, "/two/jump")
                    assert (reply.status >= 400, STOLEN in reply.body) == (True, False), (name, args)
        assert [origin.requests for origin in two.origins.values()] == [[], []]


def test_no_location_of_another_site_sends_beside_a_download(variant: Variant, tmp_path: Path) -> None:
    """While a download runs, a mirrored request with its mark enters each location of the other site."""
    with two_sites(variant, tmp_path) as two:
        origin = two.origins["two"]
        for name in two.named_locations:
            runs, gate, leads = threading.Event(), Gate(two), {"Xaccel-Url": f"{origin.url}/x"}

            def sub(request: Request, runs: threading.Event = runs) -> Answer:
                assert runs.wait(60)
                return redirects(f"/c/x?{FORGED_ID}")(request)

            def answers(_: Request, runs: threading.Event = runs, gate: Gate = gate) -> Answer:
                if not runs.is_set():
                    runs.set()
                    gate.wait()
                return Answer(body=b"of two")

            origin.answer = answers
            two.pages |= {"/sub": sub, "/x": gate.answers(200, {"X-Accel-Redirect": name, **leads})}
            with suppress(RemoteDisconnected):  # an app that knows the mark can end its own download
                reply = ask(two.nginx.port, f"/mirrored{target('store', put={'Xaccel-Id': FORGED_ID})}")
                assert (reply.status, reply.body) == (200, b"of two")
        asked = [request.header("Authorization") for request in origin.requests]
        assert asked == ["token-two"] * len(two.named_locations)
        assert two.origins["one"].requests == []


def test_a_site_that_needs_a_newer_engine_stops_nginx_with_a_name_that_says_so(
    variant: Variant, tmp_path: Path
) -> None:
    with two_sites(variant, tmp_path):
        (tmp_path / "xaccel" / "engine" / f"{MARKER}.conf").unlink()
        with pytest.raises(NginxError, match=rf"engine/{MARKER}\.conf.* failed \(2: No such file"):
            check_config(tmp_path, variant.binary)

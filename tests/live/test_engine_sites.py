"""Two sites in one NGINX: they share the engine, and three include lines are all that an operator writes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live.client import ask
from tests.live.conftest import build_of
from tests.live.stage import application, target
from tests.servers.origin import Answer, origin_server
from xaccel.errors import NginxError
from xaccel.nginx import files
from xaccel.nginx.engine_files import MARKER
from xaccel.sender import Sender
from xaccel.servers.processes import wait_until
from xaccel.site import read_mapping
from xaccel.testing import NginxServer, Variant, check_config, free_port, nginx_server

NAMES = ("", "two")


@dataclass
class Two:
    nginx: NginxServer
    folder: Path


def mapping(name: str, url: str) -> dict[str, Any]:
    options = {
        "base_url": f"{url}/",
        "cache": not name,
        "request_headers": {"Authorization": f"token-{name or 'one'}"},
    }
    return {
        "SECRET": f"secret-of-{name or 'one'}-0123456789-abcdefghijkl",
        "NAME": name,
        "TRANSFER_LOG": f"{name or 'one'}.log",
        "ORIGINS": {"store": {"type": "http", **options}},
        **({} if name else {"CACHE": {"path": "cache"}}),
    }


@contextmanager
def two_sites(variant: Variant, folder: Path) -> Iterator[Two]:
    build, port = build_of(variant), free_port()
    with ExitStack() as opened:
        servers = []
        for name in NAMES:
            answer = Answer(headers=[("Content-Type", "text/plain")], body=f"of {name or 'one'}".encode())
            origin = opened.enter_context(origin_server(lambda _, answer=answer: answer))
            site = read_mapping.read(mapping(name, origin.url))
            files.write(files.texts(site, build, folder / "xaccel"), folder / "xaccel")
            app = opened.enter_context(origin_server(application(Sender(site), [])))
            servers.append(f"""
                include xaccel/{site.folder}/server.conf;
                location /{name or "one"}/ {{ proxy_pass http://{app.address}/; include xaccel/app.conf; }}
            """)
        kinds = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
        text = f"""{"".join(f"load_module {path};" for path in variant.load_modules)}
            {"user root;" if os.geteuid() == 0 else ""} daemon off; pid nginx.pid; error_log error.log warn;
            worker_processes 2; events {{ }}
            http {{
                {" ".join(f"{kind}_temp_path tmp/{kind};" for kind in kinds)}
                access_log off; variables_hash_max_size 4096;
                include xaccel/http.conf;
                server {{ listen 127.0.0.1:{port}; {"".join(servers)} }}
            }}"""
        with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
            yield Two(nginx, folder)


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
            text = (two.folder / f"{name}.log").read_text()
            return [json.loads(line)["why"] for line in text.splitlines()]

        for name in ("one", "two"):
            assert wait_until(lambda name=name: logged(name) == ["", "", "forged"], timeout_s=5), logged(name)


def test_a_site_that_needs_a_newer_engine_stops_nginx_with_a_name_that_says_so(
    variant: Variant, tmp_path: Path
) -> None:
    with two_sites(variant, tmp_path):
        (tmp_path / "xaccel" / "engine" / f"{MARKER}.conf").unlink()
        with pytest.raises(NginxError, match=r"engine/version-1-or-newer\.conf.* failed \(2: No such file"):
            check_config(tmp_path, variant.binary)

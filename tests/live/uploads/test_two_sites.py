"""Two sites of one NGINX take uploads, with the files of `xaccel config --write`, and neither writes for the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.live.client import Reply, ask
from tests.live.commands import OF_TESTS, operators_conf
from tests.live.conftest import build_of
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel import Sender
from xaccel.features.uploads.receive import receive, received
from xaccel.site import read_mapping
from xaccel.tools.nginx import config_folder
from xaccel_testing import NginxServer, Variant, free_port, nginx_server

BODY = b"the file"
OF_THE_CLIENT = {
    "Cookie": "sessionid=topsecret",
    "Authorization": "Basic dXNlcjpwYXNz",
    "X-Forwarded-For": "203.0.113.9",
    "Content-Type": "text/plain",
}
Bend = Callable[[dict[str, str]], dict[str, str]]


@dataclass
class Two:
    """storages: what stands for the storage of each site. bend: changes what the app of a site says to NGINX."""

    nginx: NginxServer
    storages: dict[str, Origin]
    bend: dict[str, Bend]

    def put(self, name: str) -> Reply:
        return ask(self.nginx.port, f"/{name}/x", "PUT", OF_THE_CLIENT, BODY)

    def stored(self, name: str) -> list[bytes]:
        return [request.body for request in self.storages[name].requests if request.method == "PUT"]


def app_of(name: str, senders: Mapping[str, Sender], bend: Mapping[str, Bend]) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        headers = {header.lower(): value for header, value in request.headers}
        sender = senders[name]
        if done := received(sender.site, headers):
            return Answer(status=201, body=json.dumps(done._asdict()).encode())
        said = receive(sender, "documents", headers, {"max_size": 100}, record=lambda _: None)
        found = bend.get(name, dict)(dict(said.headers))
        return Answer(status=said.status, headers=[*found.items()], body=said.body)

    return answer


@contextmanager
def two_sites(variant: Variant, folder: Path, http: str = "") -> Iterator[Two]:
    """Run both behind one NGINX. http: directives of the operator."""
    build, port, listen = build_of(variant), free_port(), f"127.0.0.1:{free_port()}"
    storages, senders, bend = dict[str, Origin](), dict[str, Sender](), dict[str, Bend]()
    inside = ""
    with ExitStack() as opened:
        for name in ("one", "two"):
            storages[name] = opened.enter_context(origin_server(lambda _: Answer(headers=[("ETag", '"e"')])))
            app = opened.enter_context(origin_server(app_of(name, senders, bend)))
            mapping: dict[str, Any] = {
                "SECRET": f"secret-of-{name}-0123456789-abcdefghijkl",
                "NAME": "" if name == "one" else name,
                "TRANSFER_LOG": f"{name}.log",
                "ORIGINS": {
                    "documents": {
                        "type": "s3",
                        "bucket": name,
                        "region": "us-east-1",
                        "endpoint_url": storages[name].url,
                        "access_key": "a",
                        "secret_key": "s",
                    }
                },
                "UPLOADS": {
                    "app": app.address,
                    "listen": listen,
                    "paths": [f"/{name}/"],
                    "origins": ["documents"],
                },
            }
            site = read_mapping.read(mapping)
            config_folder.write(config_folder.texts(site, build, folder / "xaccel"), folder / "xaccel")
            senders[name] = Sender(site)
            inside += f"include xaccel/{site.folder}/server.conf;"
        inside = f"""{http} include xaccel/http.conf;
            server {{ listen 127.0.0.1:{port}; location = /inner {{ internal; return 200 inner; }} {inside} }}"""
        text = operators_conf(variant.load_modules, inside, top=f"{OF_TESTS} worker_processes 1;")
        with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
            yield Two(nginx, storages, bend)


def test_each_site_stores_at_its_own_origin(tmp_path: Path, variant: Variant) -> None:
    with two_sites(variant, tmp_path) as two:
        for name in ("one", "two"):
            reply = two.put(name)
            assert (reply.status, json.loads(reply.body)["etag"]) == (201, '"e"')
            assert two.stored(name) == [BODY]
            [put] = two.storages[name].requests
            sent = {header.lower(): value for header, value in put.headers}
            names = {"host", "connection", "content-length", "content-type", "if-none-match"}
            assert {*sent} == names  # nothing else of the client's
            assert (sent["content-type"], sent["if-none-match"]) == ("text/plain", "*")

        own, other = two.storages["two"].url, two.storages["one"].url
        two.bend["two"] = lambda head: {**head, "Xaccel-Url": head["Xaccel-Url"].replace(own, other)}
        assert two.put("two").status == 503
        two.bend["two"] = lambda head: {**head, "Xaccel-Auth": "secret-of-one-0123456789-abcdefghijkl"}
        assert two.put("two").status == 405, "the secret of the other site opens nothing"
        assert (two.stored("one"), two.stored("two")) == ([BODY], [BODY])


OF_A_STORAGE = {
    "X-Accel-Redirect": "/inner",
    "X-Accel-Limit-Rate": "1000",
    "X-Accel-Expires": "60",
    "Xaccel-Nginx-Token": "x",
    "Xaccel-Storage-Status": "200",
    "Xaccel_Storage_Status": "200",
    "Xaccel-Storage-Etag": '"other"',
    "Set-Cookie": "sessionid=of-the-storage",
    "Content-Disposition": "inline",
    "Content-Type": "text/html",
    "Cache-Control": "public",
}


def test_no_header_of_a_storage_leads_nginx_or_the_app(tmp_path: Path, variant: Variant) -> None:
    """Nor if the operator lets NGINX pass what it hides by itself."""
    http = " ".join(f"proxy_pass_header {name};" for name in OF_A_STORAGE)
    with two_sites(variant, tmp_path, http) as two:
        for status, seen in ((200, 201), (500, 503), (307, 503)):
            headers = [("ETag", '"e"'), *OF_A_STORAGE.items()]
            two.storages["one"].answer = lambda _, status=status, headers=headers: Answer(status, headers)
            reply = two.put("one")
            assert reply.status == seen, (status, reply)
            assert not {*reply.headers} & {*OF_A_STORAGE.items()}
            assert seen != 201 or json.loads(reply.body)["etag"] == '"e"'

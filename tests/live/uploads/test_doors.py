"""Only NGINX asks and tells, and an upload goes nowhere but to its origin."""

from __future__ import annotations

import http.client
import os
from contextlib import closing
from pathlib import Path

import pytest

from tests.live.client import ask
from tests.live.uploads.scene import SECRET, Scene, another_nginx
from tests.servers.origin import Answer, Request, origin_server
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import TOKEN_HEADER, UPLOAD_ASK, UPLOAD_DONE, UPLOAD_TOKEN_HEADER
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

BODY = os.urandom(100_000)


def test_a_client_can_neither_ask_nor_tell(flask_site: Scene) -> None:
    app, before = int(flask_site.app.address.rpartition(":")[2]), flask_site.told()
    for token in (
        "",
        "x",
        nginx_token("x" * 32, UPLOAD_DONE),
        nginx_token(SECRET),
        nginx_token(SECRET, UPLOAD_ASK),
    ):
        told = {
            UPLOAD_TOKEN_HEADER: token,
            "X-User": "alice",
            "Xaccel-Storage-Status": "200",
            "Xaccel-Upload": "e30.x",
        }
        if token != nginx_token(SECRET, UPLOAD_ASK):
            reply = ask(app, "/files/a", "PUT", told, b"x")
            assert (reply.status, reply.all("Xaccel-Url")) == (501, [])
        # NGINX replaces what a client sends, so a PUT is an ordinary upload
        for method, status in {"GET": 200, "POST": 200, "PUT": 201}.items():
            reply = ask(flask_site.nginx.port, "/files/a", method, told, b"" if method == "GET" else b"x")
            assert reply.status == status
            assert not any(name.startswith("Xaccel-") for name, _ in reply.headers)
    new = flask_site.told()[len(before) :]
    assert [(one["subject"], one["size"]) for one in new] == [("alice", 1)] * 5


@pytest.mark.parametrize("path", ["/put/documents", "/", "/put/other"])
def test_the_server_for_uploads_needs_the_token(flask_site: Scene, path: str) -> None:
    assert flask_site.site.uploads is not None
    for headers in ({}, {TOKEN_HEADER: "x"}, {TOKEN_HEADER: nginx_token(SECRET, UPLOAD_ASK)}):
        with closing(http.client.HTTPConnection(flask_site.site.uploads.listen, timeout=60)) as connection:
            connection.request("PUT", path, b"x", {**headers, "Xaccel-Url": flask_site.s3.endpoint})
            assert connection.getresponse().status == 404


@pytest.mark.parametrize("path", ["/_xaccel/.ask", "/_xaccel/.app", "/_xaccel/%2eask", "/x/../_xaccel/.ask"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_client_reaches_the_inner_locations(flask_site: Scene, path: str, method: str) -> None:
    assert ask(flask_site.nginx.port, path, method, {"X-User": "alice"}, b"").status == 404


def test_a_backend_cannot_jump_into_an_upload(flask_site: Scene, tmp_path: Path, variant: Variant) -> None:
    """Another backend of the same NGINX, which has no secret, names an inner location."""
    jumps = {
        "@xaccel_received": {404},
        "/_xaccel/.ask": {404},
        "@xaccel_refused": {503},
        "@xaccel_sort": {404},
        "@xaccel_receive": {404},
        "/_xaccel/.app": {404},
        f"/_xaccel/.app?{'0' * 64}&": {404},
    }
    for_jump = [""]

    def backend(request: Request) -> Answer:
        forged = {"Xaccel-Nginx-Token": "x", "Xaccel-Storage-Status": "200", "Xaccel-Id": "1"}
        return Answer(headers=[("X-Accel-Redirect", for_jump[0]), *forged.items()])

    before = flask_site.told()
    with (
        origin_server(backend) as other,
        another_nginx(flask_site, tmp_path, variant, backend=other.address) as site,
    ):
        for for_jump[0], statuses in jumps.items():
            for method in ("GET", "PUT"):
                reply = ask(site.nginx.port, "/other", method, {}, b"" if method == "GET" else b"x")
                assert reply.status in statuses | {404}, (for_jump, method, reply)
                assert not any(name.startswith("Xaccel-") for name, _ in reply.headers)
    assert flask_site.told() == before


def test_no_url_of_the_app_leads_to_another_host(flask_site: Scene, tmp_path: Path, variant: Variant) -> None:
    """An app that is under an attacker's control has the secret, and names any URL."""
    said: dict[str, str] = {}
    reached: list[str] = []

    def app(request: Request) -> Answer:
        if request.header(UPLOAD_TOKEN_HEADER) == nginx_token(SECRET, UPLOAD_DONE):
            return Answer(status=200, body=f"storage {request.header('Xaccel-Storage-Status')}".encode())
        head = {
            "Xaccel-Auth": SECRET,
            "Xaccel-Id": "019aae21-0000-7000-8000-000000000000",
            "Xaccel-Origin": "documents",
            "Xaccel-Upload": "x",
            **said,
        }
        return Answer(status=204, headers=list(head.items()))

    def other(request: Request) -> Answer:
        reached.append(request.target)
        return Answer(status=200)

    with (
        origin_server(other) as elsewhere,
        origin_server(app) as hostile,
        another_nginx(flask_site, tmp_path, variant, app=hostile.address) as site,
    ):
        port, home = site.nginx.port, site.s3.endpoint
        said["Xaccel-Url"] = f"{home}/{site.bucket}/x"
        assert sent(port) == {b"storage 403"}, "the URL is not signed"
        for url in (
            f"{elsewhere.url}/x",
            f"{home}@{elsewhere.address}/x",
            f"{home}.{elsewhere.address}/x",
            f"{elsewhere.url}/{home}/x",
            f"{home}\\@{elsewhere.address}/x",
            f"{home}#@{elsewhere.address}/x",
        ):
            said["Xaccel-Url"] = url
            assert b"storage 200" not in sent(port)
        for name in ("other", "documents/../other", "../documents", "documents?x"):
            said.update({"Xaccel-Origin": name, "Xaccel-Url": f"{home}/x"})
            assert b"storage 200" not in sent(port)
    assert reached == []


def sent(port: int) -> set[bytes]:
    """The responses to a file, and to a part of one."""
    head = {"Content-Type": "application/partial-upload"}
    return {ask(port, "/files/a", method, head, BODY).body for method in ("PUT", "PATCH")}


def test_no_log_has_a_signature_or_a_token(flask_site: Scene) -> None:
    flask_site.put(BODY)
    flask_site.put(BODY, headers={"x-amz-checksum-crc32": "AAAAAA=="})
    assert wait_until(lambda: flask_site.log().count("\n") >= 2, timeout_s=60)
    tokens = [nginx_token(SECRET, purpose) for purpose in ("nginx", UPLOAD_ASK, UPLOAD_DONE)]
    for file in flask_site.nginx.directory.glob("*.log"):
        text = file.read_text()
        assert not any(word in text for word in ("X-Amz-", SECRET, *tokens)), file

"""Only NGINX itself gets into the assembler, and only NGINX gets a template from the app."""

from __future__ import annotations

import http.client

import pytest

from tests.live.archives.scene import Scene
from tests.live.client import ask
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import TOKEN_HEADER

TAG = "0" * 32
PATHS = (
    "/",
    f"/archive/{TAG}?token=x",
    "/part?0:0-9/10:10:p:",
    "/member/documents?0:0-9/10:10:w:http://127.0.0.1/x#",
    "/member/archives?0:0-9/10:10:w:http://archives.invalid/file/media/x#",
    "/file/media/dir/a%20%3C!--%23%20b.bin",
    "/cut",
)


def assembler(archives: Scene, path: str, **headers: str) -> int:
    assert archives.site.archives is not None
    connection = http.client.HTTPConnection(archives.site.archives.listen, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("path", PATHS)
def test_a_local_user_without_the_token_gets_404(archives: Scene, path: str) -> None:
    for headers in (
        {},
        {TOKEN_HEADER: "wrong"},
        {TOKEN_HEADER: nginx_token("x" * 32)},
        {"Host": "archives.invalid"},
    ):
        assert assembler(archives, path, **headers) == 404


def test_members_and_parts_are_internal_even_with_the_token(archives: Scene) -> None:
    token = {TOKEN_HEADER: nginx_token(archives.site.secrets[0])}
    assert [assembler(archives, path, **token) for path in PATHS] == [204, 404, 404, 404, 404, 200, 404]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        *PATHS,
        f"/_xaccel/archives/{TAG}",
        f"/x/../_xaccel/archives/{TAG}",
        "/_xaccel/archives",
        "//_xaccel/archives",
        "/%5Fxaccel/archives",
        "/%5fxaccel%2farchives",
        "/@xaccel_fetch",
    ],
)
def test_no_client_reaches_a_location_of_archives(archives: Scene, path: str, method: str) -> None:
    secret = archives.site.secrets[0]
    headers = {
        TOKEN_HEADER: nginx_token(secret),
        "Xaccel-Ticket": "x",
        "X-Accel-Redirect": "/_xaccel/archives",
        "Xaccel-Auth": secret,
        "Xaccel-Url": f"{archives.site.archive_host}/archive/{TAG}?token=x",
    }
    assert ask(archives.nginx.port, path, method, headers).status == 404


def test_the_app_gives_a_template_to_nginx_alone(archives: Scene) -> None:
    port = int(archives.app.address.rpartition(":")[2])
    token = nginx_token(archives.site.secrets[0])
    path = f"/_xaccel/archives/{TAG}"
    assert ask(port, path).status == 404
    assert ask(port, path, headers={TOKEN_HEADER: "x", "Xaccel-Ticket": "x"}).status == 404
    assert ask(port, path, headers={TOKEN_HEADER: token, "Xaccel-Ticket": "x.y"}).status == 403

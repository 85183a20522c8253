"""Nobody but the app hands off: not from outside, not from another backend, not with a part missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.live.client import OTHER_ID, ask, send_target
from tests.live.conftest import Live, Places, config_text
from tests.servers.origin import Answer
from xaccel.site.site import Grants, Uploads
from xaccel_testing import AppServer, Variant, free_port, nginx_server


def named(live: Live) -> set[str]:
    """The named locations of its configuration; an upload enters by the one that is left out."""
    text = (live.nginx.directory / "nginx.conf").read_text()
    return {name for name in re.findall(r"location @xaccel_(\w+)", text) if not name.startswith("accept")}


@pytest.fixture(scope="session", autouse=True)
def _stored(places) -> None:  # type: ignore[no-untyped-def]
    places.s3.put(places.bucket, "internal.txt", b"secret", "text/plain")
    (places.media / "internal.txt").write_bytes(b"secret")


@pytest.fixture(scope="module")
def live(
    variant: Variant, places: Places, app: AppServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    """The NGINX of the live tests, with all locations of grants and uploads."""
    folder, port, listen = tmp_path_factory.mktemp("internal"), free_port(), f"127.0.0.1:{free_port()}"
    grants = Grants(
        app=app.address,
        listen=listen,
        paths=("/granted/",),
        folders=("/granted/*/",),
        folder=f"{folder}/grants",
    )
    uploads = Uploads(app=app.address, listen=listen, paths=("/upload/",), origins=("documents",))
    site = replace(places.site, grants=grants, uploads=uploads)
    text = config_text(site, variant, app.address, port)
    with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
        yield Live(variant, nginx, places, app)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        "/_xaccel/documents",
        "//_xaccel/documents",
        "/./_xaccel/documents",
        "/x/../_xaccel/documents",
        "/%5Fxaccel/documents",
        "/%5fxaccel%2fdocuments",
        "/_xaccel//documents",
        "/_xaccel/documents?x=1",
        "/_xaccel/media/internal.txt",
        "/_xaccel/media/%69nternal.txt",
        "/_xaccel/media/../media/internal.txt",
        "/_xaccel/documents/sign",
        "/_xaccel/.sign/ticket/internal.txt",
        "/_xaccel/.revoke/" + "0" * 64,
        "/_xaccel/.revoked/",
        "/_xaccel/.ask",
        "/_xaccel/.app",
    ],
)
def test_an_internal_location_is_404_from_outside(live: Live, path: str, method: str) -> None:
    headers = {
        "X-Accel-Redirect": "/_xaccel/documents",
        "Xaccel-Auth": live.places.site.secrets[0],
        "Xaccel-Id": OTHER_ID,
        "Xaccel-Url": f"{live.places.s3.endpoint}/{live.places.bucket}/internal.txt",
    }
    reply = ask(live.nginx.port, path, method, headers)
    assert reply.status == 404
    assert b"secret" not in reply.body


def test_named_locations_are_no_paths(live: Live) -> None:
    for name in named(live):
        assert ask(live.nginx.port, f"/@xaccel_{name}").status == 404


@pytest.mark.parametrize(
    "forged",
    [
        {"drop": ["Xaccel-Auth"]},
        {"put": {"Xaccel-Auth": "0123456789-abcdefghijklmnopqrstuvwxyZ"}},
    ],
)
@pytest.mark.parametrize("origin", ["documents", "media", "partner"])
def test_a_hand_off_without_the_sites_secret_is_404(
    live: Live, origin: str, forged: dict[str, object]
) -> None:
    before = len(live.places.origin.requests)
    (line,) = live.new_lines(lambda: assert_plain_404(live.get(origin, "internal.txt", **forged)))
    assert line["why"] == "forged"
    assert len(live.places.origin.requests) == before


def assert_plain_404(reply) -> None:  # type: ignore[no-untyped-def]
    assert (reply.status, reply.body, reply.one("Content-Disposition")) == (404, b"Not found.\n", None)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://{address}.evil.test/x",
        "http://{address}@evil.test/x",
        "https://{address}/x",
        "http://unix:/tmp/x:/",
        "http://{address}/a b",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_a_url_outside_the_origin_is_refused_before_a_byte_is_sent(live: Live, url: str) -> None:
    spelled = url.format(address=live.places.origin.address)
    change = {"put": {"Xaccel-Url": spelled}} if spelled else {"drop": ["Xaccel-Url"]}
    reply, line = live.logged("partner", "x", **change)
    assert (reply.status, line["why"]) == (502, "url_refused")
    assert live.places.origin.requests == []


def test_the_app_chooses_the_path_on_the_host_of_an_origin(live: Live) -> None:
    """NGINX compares scheme, host and port with `base_url`; docs/background/threats.md says so."""
    live.places.origin.answer = lambda _: Answer(body=b"elsewhere")
    reply = live.get("partner", "x", put={"Xaccel-Url": f"{live.places.origin.url}/elsewhere/x"})
    assert (reply.status, reply.body) == (200, b"elsewhere")


@pytest.mark.parametrize("drop", [["Xaccel-Auth"], []], ids=["no secret", "secret"])
def test_a_jump_past_the_location_of_the_origin_sends_nothing(live: Live, drop: list[str]) -> None:
    """Any backend may answer `X-Accel-Redirect: @name`. The app too must hand off through an origin."""
    asked = {"origin": "media", "key": "internal.txt", "drop": drop}
    for name in named(live):
        query = send_target({**asked, "put": {"X-Accel-Redirect": f"@xaccel_{name}"}}).partition("?")[2]
        reply = ask(live.nginx.port, f"/a/b/nginx.conf?{query}")
        assert reply.status >= 400, name
        assert b"xaccel" not in reply.body, name


def test_an_unknown_origin_is_404(live: Live) -> None:
    for entry in ("/_xaccel/none", "/_xaccel/", "/_xaccel/documents/x", "/_xaccel/media"):
        assert live.get("documents", "internal.txt", put={"X-Accel-Redirect": entry}).status == 404


@pytest.mark.parametrize(
    "path", ["..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/etc/passwd", "a%00b", "../internal.txt"]
)
def test_a_directory_is_not_left_by_a_forged_path(live: Live, path: str) -> None:
    reply = live.get("media", "internal.txt", put={"X-Accel-Redirect": f"/_xaccel/media/{path}"})
    assert reply.status in (400, 404, 500)
    assert b"root:" not in reply.body


def test_a_client_cannot_hand_off_by_headers(live: Live) -> None:
    live.places.origin.answer = lambda _: Answer(body=b"fetched")
    headers = {"X-Accel-Redirect": "/_xaccel/partner", "Xaccel-Url": f"{live.places.origin.url}/files/x"}
    reply = ask(live.nginx.port, "/page", headers=headers)
    assert (reply.status, reply.body) == (200, b"an ordinary page")
    assert live.places.origin.requests == []


def test_only_hand_offs_make_a_line(live: Live) -> None:
    live.new_lines(lambda: live.get("documents", "internal.txt"))
    before = len(live.nginx.lines())
    for path in ("/_xaccel/documents", "/_xaccel/media/internal.txt", "/page"):
        ask(live.nginx.port, path)
    live.new_lines(lambda: live.get("documents", "internal.txt"))
    # the entry of a download that an earlier test left can come late: it has the id of its transfer
    assert [line for line in live.nginx.lines()[before:] if not line["id"]] == []

"""Permission is asked again for each part: a revocation breaks an archive that is running."""

from __future__ import annotations

import pytest

from tests.live.archives.scene import BODY, Scene
from tests.live.client import begun
from xaccel_testing.servers.processes import wait_until


@pytest.fixture(scope="module")
def long(archives: Scene) -> str:
    """An archive of three parts, longer than all buffers."""
    row = archives.put("long", BODY[: 1 << 17], origin="media")
    archives.archive("long", [row._replace(name=f"long/{number}") for number in range(250)])
    return "long"


@pytest.mark.parametrize("how", ["revoked", "fails", "one object"])
def test_a_revocation_breaks_an_archive_that_is_running(archives: Scene, long: str, how: str) -> None:
    who = "bob long" if how == "one object" else "bob"
    with begun(archives.nginx.port, "/zip/long", headers="X-User: bob\r\n") as connection:
        got = connection.recv(4096)
        archives.deny(who, "fails" if how == "fails" else "")
        try:
            while piece := connection.recv(1 << 16):
                got += piece
        finally:
            archives.allow(who)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    expected = archives.expected("long")
    assert len(body) < len(expected)
    assert body == expected[: len(body)]
    reason = {"revoked": "check", "fails": "OSError", "one object": "check"}[how]
    assert wait_until(lambda: f"subject='bob' reason='{reason}'" in archives.app.log, timeout_s=60)
    assert archives.get(long, headers={"X-User": "bob"}).body == expected


def test_who_may_not_have_the_archive_gets_none(archives: Scene, long: str) -> None:
    archives.deny("carol")
    came = archives.get(long, headers={"X-User": "carol"})
    archives.allow("carol")
    assert came.status == 403


def test_the_log_has_the_archive_and_no_secret(archives: Scene) -> None:
    archives.get("mixed", headers={"X-User": "dave", "Range": "bytes=5-"})
    [entry] = archives.nginx.lines(1, containing='"subject":"dave"')
    layout = archives.layout("mixed")
    assert (entry["origin"], entry["etag"], entry["size"]) == ("archives", layout.etag, str(layout.size))
    assert entry["body_bytes"] == layout.size - 5
    site = archives.site
    secrets = [
        *site.secrets,
        *site.assembler["archives"].request_headers.values(),
        "X-Amz-Signature",
        "token=WyI",
    ]
    logs = [*archives.nginx.directory.glob("*.log"), *(archives.folder / "app").glob("*.log")]
    assert len(logs) >= 3
    for log in logs:
        text = log.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], log

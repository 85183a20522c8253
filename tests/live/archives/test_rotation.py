"""Logs are rotated, NGINX is reloaded and the secret is replaced while archives are sent."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.archives.scene import BODY, Scene, filled, in_project, scene
from tests.live.client import begun
from tests.live.conftest import config_text
from xaccel.site import read_mapping
from xaccel_testing import S3Server, Variant
from xaccel_testing.servers.processes import wait_until


@pytest.fixture
def own(tmp_path: Path, variant: Variant, s3: S3Server) -> Iterator[Scene]:
    """A site of its own, with an archive of three parts, longer than all buffers."""
    with scene(tmp_path, variant, s3) as running:
        filled(running)
        row = running.put("long", BODY, origin="media")
        running.archive("long", [row._replace(name=f"long/{number}") for number in range(250)])
        yield running


def whole_while(one: Scene, change: Callable[[], None]) -> bool:
    """Make the change while a client has read a little of the archive; tell whether the rest came, byte by byte."""
    with begun(one.nginx.port, "/zip/long") as connection:
        got = bytearray(connection.recv(4096))
        change()
        while piece := connection.recv(1 << 16):
            got += piece
    return got.partition(b"\r\n\r\n")[2] == one.expected("long")


def test_an_archive_goes_on_while_nginx_is_reloaded_twice(own: Scene) -> None:
    def twice() -> None:
        own.nginx.reload(own.text, timeout_s=60)
        assert own.get("mixed").body == own.expected("mixed")
        own.nginx.reload(own.text, timeout_s=60)

    assert whole_while(own, twice)
    assert own.get("long").body == own.expected("long")


def test_an_archive_goes_on_while_the_secret_is_replaced(own: Scene) -> None:
    """The app knows both secrets first, then NGINX; the ticket and the token of the archive are of the old one."""
    file = own.folder / "site.json"
    mapping = json.loads(file.read_text())
    old = mapping["SECRET"]

    def replaced() -> None:
        file.write_text(json.dumps({**mapping, "SECRET": ["the-new-secret-of-the-site-0123456789", old]}))
        marks = own.folder / "app" / "marks"
        before = set(marks.iterdir())
        own.app.server.signal(signal.SIGHUP)
        assert wait_until(lambda: len(set(marks.iterdir()) - before) == len(before), timeout_s=60)
        site = read_mapping.read(json.loads(file.read_text()))
        text = config_text(site, own.variant, own.app.address, own.nginx.port)
        own.nginx.reload(text, timeout_s=60)
        assert own.get("mixed").body == own.expected("mixed")

    assert whole_while(own, replaced)
    assert own.get("long").body == own.expected("long")


COUNT = """
from xaccel.audit.models import FailedMember, Transfer

call_command("xaccel", "ingest", {log!r}, "--quiet")
known = Transfer.objects.values("pk")
print(FailedMember.objects.count(), FailedMember.objects.filter(transfer__in=known, number=1).count())
"""


def test_the_log_of_members_is_read_through_its_rotation(own: Scene) -> None:
    rows = [own.put(f"k/{number}", bytes([number]) * 90_000) for number in range(3)]
    own.archive("broken", rows)
    own.put("k/1", b"replaced")
    log = own.nginx.directory / "members.log"

    def fail(*, entries: int) -> None:
        assert own.get("broken").is_cut
        assert wait_until(lambda: len(own.failures()) == entries, timeout_s=60)

    def stored() -> list[str]:
        return in_project(own.folder, COUNT.format(log=str(own.nginx.directory / "xaccel.log"))).split()

    fail(entries=1)
    assert stored() == ["1", "1"]
    fail(entries=2)
    log.rename(log.with_name("members.log.1"))
    own.nginx.server.signal(signal.SIGUSR1)
    assert wait_until(log.exists, timeout_s=60)
    fail(entries=1)
    for _ in range(2):
        assert stored() == ["3", "3"]

"""`send_zip` in Django: members from rows, layouts where all processes find them, an event with the layout."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from tests.django.library.models import Page
from xaccel.django import conf
from xaccel.django.archives import cache_of, send_zip
from xaccel.errors import ArchiveRefused, ConfigError
from xaccel.features.archives.members import ZipMember

ARCHIVES = {"app": "unix:/run/app.sock"}


@pytest.fixture
def with_archives(site: Any, settings: Any, tmp_path: Any) -> None:
    site(ARCHIVES=ARCHIVES)
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path)}}


@pytest.mark.usefixtures("with_archives")
def test_members_come_from_rows_and_the_event_has_the_layout(events: list[Any]) -> None:
    rows = [Page(file=f"{name}.pdf", size=5, etag="e", crc32=7) for name in "ab"]
    response = send_zip(
        RequestFactory().get("/"), [ZipMember(row.file) for row in rows], filename="all.zip", subject="7"
    )
    [(_, event)] = events
    assert [(one.name, one.ref.origin, one.size, one.crc32) for one in event.archive] == [
        (b"a.pdf", "disk", 5, 7),
        (b"b.pdf", "disk", 5, 7),
    ]
    assert response["Xaccel-Size"] == str(event.archive.size)


@pytest.mark.usefixtures("with_archives")
def test_rows_without_crc32_are_named() -> None:
    rows = [Page(file="a.pdf", size=5, etag="e"), Page(file="b.pdf", size=5, etag="e", crc32=7)]
    with pytest.raises(ArchiveRefused, match=r"1 of 2 members have no CRC-32: 'a\.pdf'"):
        send_zip(RequestFactory().get("/"), (ZipMember(row.file) for row in rows), filename="all.zip")


@pytest.mark.usefixtures("with_archives")
def test_a_file_without_a_member_around_it_is_named() -> None:
    files = [Page(file="a.pdf", size=5, etag="e", crc32=7).file]
    with pytest.raises(TypeError, match="is a ZipMember, not FieldFile: pass ZipMember"):
        send_zip(RequestFactory().get("/"), files, filename="all.zip")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_a_cache_of_one_process_is_refused(
    kind: str, site: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site(ARCHIVES=ARCHIVES)
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{kind}"}}
    monkeypatch.setattr("xaccel.django.archives.under_test", lambda: False)
    with pytest.raises(ConfigError, match="all processes of the app need the layouts"):
        cache_of(conf.configuration().site)
    settings.DEBUG = True
    monkeypatch.setattr("xaccel.django.archives.debug_is_on", lambda: True)
    if kind.startswith("locmem"):
        cache_of(conf.configuration().site)

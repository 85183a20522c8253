"""`manage.py xaccel crc fill`, and what the rows of an app say of the members of an archive."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from tests.django.library.models import Document, Page
from xaccel import ObjectRef
from xaccel.django.conf import configuration
from xaccel.django.crc_fill import fill_crc32
from xaccel.django.zip_members import filled
from xaccel.errors import OptionRefused
from xaccel.features.archives.crc import file_etag
from xaccel.features.archives.members import ZipMember

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    configuration.cache_clear()
    return tmp_path


def page(media: Path, name: str, content: bytes | None = b"hello", **columns: Any) -> Any:
    if content is not None:
        (media / name).write_bytes(content)
    return Page.objects.create(file=name, **columns)


def test_rows_get_size_entity_tag_and_crc32_of_one_version(media: Path) -> None:
    rows = [page(media, f"{index}.txt", str(index).encode() * index) for index in range(5)]
    rows.append(page(media, "known.txt", crc32=7))
    assert list(fill_crc32(Page.objects.all())) == [None] * 5
    for index, row in enumerate(rows[:5]):
        row.refresh_from_db()
        etag = file_etag((media / row.file.name).stat()).strip('"')
        assert (row.size, row.etag, row.crc32) == (index, etag, zlib.crc32(str(index).encode() * index))
    assert Page.objects.get(file="known.txt").crc32 == 7
    assert list(fill_crc32(Page.objects.all())) == []


def test_a_second_field_has_its_own_columns(media: Path) -> None:
    row = page(media, "a", b"a", crc32=1, proof="a")
    assert list(fill_crc32(Page.objects.all(), "proof")) == [None]
    row.refresh_from_db()
    assert (row.crc32, row.proof_crc32, row.proof_size) == (1, zlib.crc32(b"a"), 1)


def test_files_that_fail_are_listed_at_the_end_and_the_others_filled(
    media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page(media, "lost.txt", None)
    page(media, "replaced.txt", etag="an older version")
    good = page(media, "good.txt")
    with pytest.raises(CommandError, match="2 files have no CRC-32"):
        call_command("xaccel", "crc", "fill", "library.Page")
    said = capsys.readouterr().out
    assert "3 of 3 files, 0.00 GB read" in said
    assert "'lost.txt': [Errno 2]" in said
    assert "'replaced.txt': the row has the entity tag 'an older version'" in said
    good.refresh_from_db()
    assert good.crc32 == zlib.crc32(b"hello")
    assert Page.objects.get(file="replaced.txt").crc32 is None
    (media / "lost.txt").write_bytes(b"found")
    Page.objects.filter(file="replaced.txt").update(etag="")
    call_command("xaccel", "crc", "fill", "library.Page")
    assert not Page.objects.filter(crc32=None).exists()


def test_a_row_that_changes_meanwhile_stays_as_it_is(media: Path) -> None:
    page(media, "first.txt")
    row = page(media, "a.txt")
    results = fill_crc32(Page.objects.all())
    assert next(results) is None
    Page.objects.filter(pk=row.pk).update(file="b.txt")
    assert [result and result.why for result in results] == ["the row was changed meanwhile"]
    row.refresh_from_db()
    assert (row.file.name, row.crc32) == ("b.txt", None)


def test_a_model_without_the_columns_is_named() -> None:
    with pytest.raises(OptionRefused, match="Document has no field named"):
        list(fill_crc32(Document.objects.all()))
    with pytest.raises(CommandError, match="'Lost'"):
        call_command("xaccel", "crc", "fill", "library.Lost")


def test_a_member_gets_what_its_row_has(media: Path) -> None:
    now = datetime.now(UTC)
    row = page(media, "a/b.txt", None, size=5, etag="e1", crc32=6, modified=now, proof="c", proof_crc32=7)
    objects = configuration().objects
    ref = ObjectRef("disk", "a/b.txt")
    assert filled(ZipMember(row.file), objects) == ZipMember(ref, size=5, etag="e1", crc32=6, modified=now)
    given = ZipMember(row.file, name="x", size=1, crc32=2)
    assert filled(given, objects) == ZipMember(ref, name="x", size=1, etag="e1", crc32=2, modified=now)
    assert filled(ZipMember(row.proof), objects).crc32 == 7
    assert filled(ZipMember(ref), objects) == ZipMember(ref)
    assert default_storage.exists("a/b.txt") is False

"""The layout of an archive: exact, and the same everywhere."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.unit.features.archives.readers import member, write
from xaccel import LocalOrigin, ObjectRef
from xaccel.errors import ArchiveRefused
from xaccel.features.archives.layout import Layout
from xaccel.features.archives.members import ZipMember, key_of, select

CONTENTS = [b"hello", b"", bytes(range(256)) * 40, b"<!--#" * 7]
MEMBERS = [member(f"folder/{index} ü.bin", content) for index, content in enumerate(CONTENTS)]
LAYOUT = Layout.of(MEMBERS)


def test_an_archive_has_the_length_and_the_contents_that_were_laid_out() -> None:
    body = write(LAYOUT, CONTENTS)
    assert len(body) == LAYOUT.size
    archive = zipfile.ZipFile(io.BytesIO(body))
    assert archive.testzip() is None
    assert [archive.read(one.name.decode()) for one in LAYOUT] == CONTENTS
    assert {
        (info.compress_type, info.flag_bits, info.external_attr >> 16) for info in archive.infolist()
    } == {(zipfile.ZIP_STORED, 0x800, 0o100644)}
    assert [(info.header_offset, info.file_size) for info in archive.infolist()] == [
        (one.begins, one.size) for one in LAYOUT
    ]
    for one, content in zip(LAYOUT, CONTENTS, strict=True):
        assert body[one.data : one.ends] == content


def test_each_range_is_a_piece_of_the_whole() -> None:
    body, source = write(LAYOUT, CONTENTS), random.Random(4)
    edges = [at for one in LAYOUT for at in (one.begins, one.data, one.ends)]
    edges += [LAYOUT.directory, LAYOUT.size - 22, LAYOUT.size]
    some = sorted({*edges, *source.sample(range(LAYOUT.size), 40)})
    for first in some:
        for end in [end for end in some if end > first]:
            assert write(LAYOUT, CONTENTS, first, end) == body[first:end], (first, end)


def test_an_archive_with_nothing_but_an_empty_file_is_whole() -> None:
    layout = Layout.of([member("empty", size=0, crc32=None)])
    assert zipfile.ZipFile(io.BytesIO(write(layout, [b""]))).testzip() is None


DATES = {
    datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC): (2026, 11, 29, 23, 59, 58),
    datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2))): (2025, 12, 31, 22, 30, 0),
    datetime(1970, 1, 1, tzinfo=UTC): (1980, 1, 1, 0, 0, 0),
    datetime(2200, 1, 1, tzinfo=UTC): (2107, 12, 31, 23, 59, 58),
    None: (1980, 1, 1, 0, 0, 0),
}


@pytest.mark.parametrize("modified", DATES)
def test_a_date_is_in_utc_and_one_that_zip_lacks_is_the_nearest(modified: datetime | None) -> None:
    layout = Layout.of([member("a", modified=modified)])
    assert zipfile.ZipFile(io.BytesIO(write(layout, [b""]))).infolist()[0].date_time == DATES[modified]


def test_the_same_selection_is_the_same_archive() -> None:
    again = Layout.of(replace(one) for one in MEMBERS)
    assert (again.etag, again.size) == (LAYOUT.etag, LAYOUT.size)
    assert LAYOUT.etag == '"fdadbaae835e2efbbd4d24eaa8240b8a"'


CHANGES: dict[str, Callable[[ZipMember], ZipMember]] = {
    "name": lambda one: replace(one, name="other"),
    "size": lambda one: replace(one, size=6),
    "crc32": lambda one: replace(one, crc32=1),
    "etag": lambda one: replace(one, etag="e2"),
    "modified": lambda one: replace(one, modified=datetime(2026, 1, 1, tzinfo=UTC)),
    "origin": lambda one: replace(one, file=ObjectRef("other", one.ref.key)),
    "bucket": lambda one: replace(one, file=ObjectRef("docs", one.ref.key, bucket="b")),
    "key": lambda one: replace(one, file=ObjectRef("docs", "other")),
    "url": lambda one: replace(one, file=ObjectRef("docs", url=one.ref.key)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_another_member_is_another_archive(what: str) -> None:
    other = [CHANGES[what](MEMBERS[0]), *MEMBERS[1:]]
    assert Layout.of(other).etag != LAYOUT.etag
    assert key_of(other) != key_of(MEMBERS)


def test_the_order_is_a_part_of_the_selection() -> None:
    assert Layout.of(reversed(MEMBERS)).etag != LAYOUT.etag
    assert key_of(reversed(MEMBERS)) != key_of(MEMBERS)


def test_a_selection_that_may_not_be_an_archive_has_a_key_of_its_own() -> None:
    """A layout that is kept is not checked again."""
    stand_in = LocalOrigin(root="/srv")
    odd: list[dict[str, Any]] = [
        {"size": True},
        {"size": 1.0},
        {"etag": None},
        {"modified": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"file": ObjectRef("docs", "one", stand_in=stand_in)},
        {"file": ObjectRef("docs", "one", url=str)},
    ]
    good = ZipMember(ObjectRef("docs", "one"), size=1, crc32=1, etag="e")
    dated = replace(good, modified=datetime(2026, 1, 1, tzinfo=UTC))
    keys = {key_of([one]) for one in (good, dated, *(replace(good, **other) for other in odd))}
    assert len(keys) == 8
    assert key_of([replace(good)]) == key_of([good])


def test_a_layout_comes_back_from_its_bytes() -> None:
    refs = [
        ObjectRef("a", "k\ud800"),
        ObjectRef("b", "ü", bucket="tenant"),
        ObjectRef("c", url="https://h.test/x?y"),
    ]
    given = Layout.of(ZipMember(ref, name="same", size=3, crc32=4, etag='"e"') for ref in refs)
    found = Layout(given.body)
    assert list(found) == list(given)
    assert [one.ref for one in found] == refs
    assert found.etag == given.etag
    assert write(found, [b"123"] * 3) == write(given, [b"123"] * 3)
    assert {one.etag for one in found} == {'"e"'}


def test_zip64_begins_where_sixteen_bits_end() -> None:
    members = [member(f"{index}") for index in range(65_535)]
    for count in (65_534, 65_535):
        layout = Layout.of(members[:count])
        end = b"".join(
            piece for piece in layout.pieces(layout.size - 98, layout.size) if isinstance(piece, bytes)
        )
        assert end.startswith(b"PK\x06\x06") == (count == 65_535)
        assert end[-12:-10] == struct.pack("<H", count)


@pytest.mark.parametrize("size", [2**32 - 2, 2**32 - 1, 2**32, 10**11])
def test_members_and_offsets_have_more_than_four_gigabytes(size: int) -> None:
    layout = Layout.of([member("big", size=size, crc32=5), member("behind", b"x")])
    tail = b"".join(piece for piece in layout.pieces(layout[0].ends, layout.size) if isinstance(piece, bytes))
    assert layout.size == layout[0].ends + len(tail) + 1
    head = next(iter(layout.pieces(0, 100)))
    is_large = size >= 2**32 - 1
    assert head[14:26] == struct.pack("<III", 5, *[min(size, 2**32 - 1)] * 2)
    assert (struct.pack("<HHQQ", 1, 16, size, size) in head) == is_large
    directory = tail[layout.directory - layout[0].ends - 1 :]
    if is_large:
        assert struct.pack("<HHQQ", 1, 16, size, size) in directory
        assert struct.pack("<HHQ", 1, 8, layout[1].begins) in directory
        assert struct.pack("<Q", layout.directory) in directory


def refused(members: Any, **limits: Any) -> ArchiveRefused:
    with pytest.raises(ArchiveRefused) as raised:
        Layout.of(select(members, **limits))
    return raised.value


MISSING: dict[str, tuple[dict[str, Any], str]] = {
    "size": ({"size": None}, "have no size"),
    "negative size": ({"size": -1}, "have no size"),
    "crc32": ({"crc32": None}, "have no CRC-32"),
    "large crc32": ({"crc32": 2**32}, "have no CRC-32"),
    "etag": ({"etag": None}, "have no strong entity tag"),
    "empty etag": ({"etag": ""}, "have no strong entity tag"),
    "weak etag": ({"etag": 'W/"a"'}, "have no strong entity tag"),
    "bad etag": ({"etag": 'a"b'}, "have no strong entity tag"),
    "naive date": ({"modified": datetime(2026, 1, 1)}, "a date without a time zone"),  # noqa: DTZ001
    "long name": ({"name": "x" * 4096}, "have a name of more than"),
    "function": ({"file": ObjectRef("docs", "lost", url=lambda _: "")}, "that a function makes"),
    "stand-in": (
        {"file": ObjectRef("docs", "lost", stand_in=LocalOrigin(root="/srv"))},
        "that a function makes",
    ),
}


@pytest.mark.parametrize("what", MISSING)
def test_a_member_that_lacks_something_is_named(what: str) -> None:
    lacks, words = MISSING[what]
    bad = replace(member("lost.pdf", b"x"), **lacks)
    error = refused([member("fine"), bad, bad])
    assert words in str(error)
    assert "2 of 3 members" in str(error)
    assert error.members == (bad.name, bad.name)
    assert (bad.name or "")[-80:] in str(error)


def test_many_bad_members_are_counted_and_some_named() -> None:
    error = refused(member(f"{index}\n.pdf", etag=None) for index in range(500))
    assert "500 of 500" in str(error)
    assert r"'4\n.pdf', …" in str(error)
    assert "'5" not in str(error)
    assert len(error.members) == 500


def test_a_selection_without_members_is_refused() -> None:
    assert str(refused([])).startswith("members: the selection has no members. ")


def test_a_generator_that_was_read_is_named() -> None:
    once = (member(name) for name in "ab")
    select(once)
    assert "no members. Let the user select a file. A generator can be read once" in str(refused(once))


def test_a_file_without_a_member_around_it_is_named() -> None:
    with pytest.raises(TypeError, match=r"is a ZipMember, not str: pass ZipMember\(file\) for each file"):
        select(["a.pdf"])  # type: ignore[list-item]


def test_a_selection_beyond_its_limits_is_refused() -> None:
    def endless() -> Iterator[ZipMember]:
        while True:
            yield member("x")

    assert "more than 3 members" in str(refused(endless(), max_members=3))
    large = [member("small", b"1"), member("large", b"12345")]
    error = refused(large, max_bytes=5)
    assert "has 6 bytes, more than 5" in str(error)
    assert error.members == ("large", "small")
    assert len(select(large, max_bytes=6)) == 2


def test_an_exception_of_the_selection_passes_and_says_where() -> None:
    def fails() -> Iterator[ZipMember]:
        yield member("first.pdf")
        raise LookupError("the database is gone")

    with pytest.raises(LookupError) as raised:
        select(fails())
    assert "after 1 of them, the last of them 'first.pdf'" in raised.value.__notes__[0]


def test_the_default_name_is_the_last_part_of_the_key() -> None:
    refs = [ObjectRef("d", "a/b.pdf"), ObjectRef("d", url="https://h.test/x/c.pdf?sig=1")]
    assert [one.name for one in Layout.of(ZipMember(ref, size=0, etag="e") for ref in refs)] == [
        b"b.pdf",
        b"c.pdf",
    ]


def test_only_an_object_is_a_member() -> None:
    with pytest.raises(TypeError, match="not str"):
        Layout.of([ZipMember("a.pdf", size=0, etag="e")])


def test_a_member_takes_less_than_a_hundred_bytes() -> None:
    members = [member(f"folder {index % 97}/report {index}.pdf", size=index) for index in range(2_000)]
    layout = Layout.of(replace(one, etag=f"{zlib.crc32(one.ref.key.encode()):032x}") for one in members)
    assert len(zlib.compress(layout.body, 1)) < 100 * len(members)

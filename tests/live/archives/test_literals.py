"""No byte of a header or of the directory is read as a command of SSI."""

from __future__ import annotations

import io
import random
import zipfile

from tests.conftest import on_all_builds
from tests.live.archives.scene import Scene
from tests.unit.features.archives.names import hostile_names

pytestmark = on_all_builds

PATTERNS = [b"<!--", b"!--#", b"--#<", b"#<!-", b"<!-<", b"<<!-", b"<!--", b"-#<!"]


def test_checksums_and_sizes_like_a_command_arrive_as_they_are(archives: Scene) -> None:
    rng = random.Random(3)
    # 35 bytes: the size begins with "#", directly behind the checksum
    body = archives.put("of 35 bytes", b"<!--#echo var='args' --> 35 bytes!!")
    assert body.size == 35
    empty = archives.put("empty", b"")
    rows = []
    for number in range(260):
        crc32 = int.from_bytes(rng.choice(PATTERNS), "little")
        row = body if number % 2 else empty
        rows.append(row._replace(name=f"{number:03}{'x' * rng.randrange(4)}#<!--#", crc32=crc32))
    archives.archive("literal", rows)
    expected = archives.expected("literal")
    assert b"<!--#" in expected
    assert archives.get("literal").body == expected
    begins = expected.index(b"<!--#")
    for first in range(begins - 1, begins + 7):
        for last in range(first, begins + 9):
            came = archives.get("literal", headers={"Range": f"bytes={first}-{last}"})
            assert came.body == expected[first : last + 1], (first, last)


def test_five_hundred_hostile_names_arrive_safe(archives: Scene) -> None:
    one = archives.put("one", b"x")
    given = hostile_names(500)
    archives.archive("names", [one._replace(name=name) for name in given])
    came = archives.get("names")
    assert came.body == archives.expected("names")
    found = zipfile.ZipFile(io.BytesIO(came.body))
    assert found.testzip() is None
    names = found.namelist()
    assert len({name.casefold() for name in names}) == len(given)
    assert not any(name.startswith("/") or ".." in name.split("/") for name in names)

"""An archive is a download like any other: whole, in ranges, conditional, with its length before its first byte."""

from __future__ import annotations

import http.client
import io
import os
import random
import zipfile

import pytest

from tests.conftest import on_all_builds
from tests.live.archives.scene import Scene

pytestmark = on_all_builds

both = pytest.mark.parametrize("name", ["mixed", "large"])
RANGES = int(os.environ.get("XACCEL_RANGES", "24"))


@both
def test_an_archive_is_whole(archives: Scene, name: str) -> None:
    came, expected = archives.get(name), archives.expected(name)
    assert (came.status, came.is_cut, len(came.body)) == (200, False, len(expected))
    assert came.body == expected
    assert came.headers["Content-Length"] == str(len(expected))
    assert came.headers["Content-Type"] == "application/zip"
    assert came.headers["Content-Disposition"] == f'attachment; filename="{name}.zip"'
    assert came.headers["Accept-Ranges"] == "bytes"
    assert came.headers["ETag"] == archives.layout(name).etag
    found = zipfile.ZipFile(io.BytesIO(came.body))
    assert found.testzip() is None
    assert len(found.namelist()) == len(archives.rows[name])


@both
def test_head_has_the_length_and_asks_no_storage(archives: Scene, name: str) -> None:
    archives.origin.requests.clear()
    came = archives.get(name, "HEAD")
    assert (came.status, came.body) == (200, b"")
    assert came.headers["Content-Length"] == str(archives.layout(name).size)
    assert archives.origin.requests == []


@both
def test_every_range_is_equal(archives: Scene, name: str) -> None:
    whole, rng = archives.expected(name), random.Random(name)
    size, connection = len(whole), http.client.HTTPConnection("127.0.0.1", archives.nginx.port, timeout=120)
    for number in range(RANGES):
        first = rng.randrange(size)
        last, spelled = size - 1, f"bytes={first}-"
        if number % 3 == 0:
            last = min(last, first + rng.choice([0, 1, 30, 5000, 300_000]))
            spelled = f"bytes={first}-{last}"
        elif number % 3 == 1:
            count = rng.choice([1, 22, 500, 5000, size])
            first, spelled = size - count, f"bytes=-{count}"
        came = archives.get(name, headers={"Range": spelled}, connection=connection)
        assert came.status == 206, spelled
        assert came.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert came.body == whole[first : last + 1], spelled
    connection.close()

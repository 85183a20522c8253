"""The cache's disk: its bounds hold after a while, and a full one makes no file that is short and looks whole."""

from __future__ import annotations

import http.client
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.live.objects import serve
from tests.live.small_disk import small_disk
from tests.live.stage import Stage, stage
from xaccel.nginx import cache_files
from xaccel.testing import Variant, origin_server
from xaccel.testing.processes import wait_until

pytestmark = pytest.mark.nginx

BODY = bytes(range(251)) * 1_000
"""3.8 slices, where there are slices."""
LOOKS_S = 30
"""NGINX looks at the cache at least every ten seconds (ngx_http_file_cache_expire)."""


@contextmanager
def running(directory: Path, variant: Variant, **cache: str) -> Iterator[Stage]:
    with (
        origin_server(lambda request: serve(request, BODY)) as origin,
        stage(
            directory,
            variant,
            {"store": {"base_url": f"{origin.url}/", "cache": True}},
            cache={"path": "cache", "slice": "64k", **cache},
        ) as made,
    ):
        yield made


def body_of(made: Stage, name: str) -> bytes:
    return made.get("store", options={"identity": name, "size": len(BODY)}).body


def size_of(file: Path) -> int:
    """What it takes of the disk; nothing where NGINX has just removed it."""
    with suppress(FileNotFoundError):
        return file.stat().st_blocks * 512
    return 0


def test_the_directory_comes_below_max_size(variant: Variant, tmp_path: Path) -> None:
    """Every download is whole, also of what was removed for others."""
    with running(tmp_path, variant, max_size="512k") as made:

        def used() -> int:
            return sum(size_of(file) for file in cache_files.files(tmp_path / "cache"))

        for number in range(8):
            assert body_of(made, str(number)) == BODY
        assert wait_until(lambda: used() <= 512 * 1024, timeout_s=LOOKS_S), used()
        assert used() > 0
        assert body_of(made, "0") == BODY


def test_the_disk_gets_min_free_back(variant: Variant, tmp_path: Path) -> None:
    with (
        small_disk(tmp_path, "4m") as cache,
        running(tmp_path, variant, max_size="1g", min_free="3m") as made,
    ):
        for number in range(8):
            assert body_of(made, str(number)) == BODY
        assert wait_until(lambda: shutil.disk_usage(cache).free >= 3 << 20, timeout_s=LOOKS_S)
        assert body_of(made, "0") == BODY


def test_a_full_disk_cuts_what_would_be_kept_and_nothing_else(variant: Variant, tmp_path: Path) -> None:
    """NGINX sends of an answer that it keeps only what it could write. One that is not to be kept needs no disk."""
    with small_disk(tmp_path, "128k") as cache, running(tmp_path, variant) as made:
        for _ in range(2):
            (line,) = made.lines_of(lambda: require_cut(made))
            assert line["completion"] == ""
            assert line["body_bytes"] < int(line["sent_length"]) == len(BODY)
        assert made.get("store").body == BODY
        subprocess.run(["mount", "-o", "remount,size=4m", str(cache)], check=True)
        assert body_of(made, "full") == BODY


def require_cut(made: Stage) -> None:
    """Download; what comes is no whole file, and is a beginning of it."""
    with pytest.raises(http.client.HTTPException) as raised:
        body_of(made, "full")
    if isinstance(raised.value, http.client.IncompleteRead):
        assert BODY.startswith(raised.value.partial)
    else:
        assert isinstance(raised.value, http.client.RemoteDisconnected)

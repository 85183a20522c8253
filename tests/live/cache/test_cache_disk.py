"""The cache's disk: its bounds hold after a while, and a full one makes no file that is short and looks whole."""

from __future__ import annotations

import http.client
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path

import pytest

from tests.live.cached_files import cached_files
from tests.live.conftest import build_of
from tests.live.objects import serve
from tests.live.small_disk import small_disk
from tests.live.stage import Stage, cached_stage
from tests.servers.origin import Answer
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

BODY = bytes(range(251)) * 1_000
"""3.8 slices, where there are slices."""
LARGE = 524_288
"""More than the buffers of a transfer hold."""
LOOKS_S = 60
"""NGINX looks at the cache at least every ten seconds (ngx_http_file_cache_expire)."""


@contextmanager
def running(directory: Path, variant: Variant, **cache: str) -> Iterator[Stage]:
    objects = {f"/{size}": (BODY * 5)[:size] for size in (LARGE, 2 * LARGE)}
    with cached_stage(
        directory,
        variant,
        lambda request: serve(request, objects.get(request.target, BODY)),
        cache={"slice": "64k", **cache},
    ) as (made, _):
        yield made


def body_of(made: Stage, name: str) -> bytes:
    return made.get("store", options={"cache_version": name, "size": len(BODY)}).body


def size_of(file: Path) -> int:
    """What it takes of the disk; nothing where NGINX has just removed it."""
    with suppress(FileNotFoundError):
        return file.stat().st_blocks * 512
    return 0


def test_each_bound_holds_after_a_while(variant: Variant, tmp_path: Path) -> None:
    """max_size, and min_free as given and by default, side by side. Also what was removed for others comes whole."""
    for name in ("directory", "given", "default"):
        (tmp_path / name).mkdir()
    with (
        small_disk(tmp_path / "given", "4m") as given_disk,
        small_disk(tmp_path / "default", "1025m") as default_disk,
        running(tmp_path / "directory", variant, max_size="512k") as directory,
        running(tmp_path / "given", variant, max_size="1g", min_free="3m") as given,
        running(tmp_path / "default", variant, max_size="1g") as default,
    ):

        def used() -> int:
            return sum(size_of(file) for file in cached_files(tmp_path / "directory" / "cache"))

        def hold() -> list[bool]:
            return [
                0 < used() <= 512 * 1024,
                shutil.disk_usage(given_disk).free >= 3 << 20,
                shutil.disk_usage(default_disk).free >= 1 << 30,
            ]

        for made, number in product((directory, given, default), range(8)):
            assert body_of(made, str(number)) == BODY
        assert wait_until(lambda: all(hold()), timeout_s=LOOKS_S, every_s=0.5), hold()
        for made in (directory, given, default):
            assert body_of(made, "0") == BODY


def test_the_zone_of_keys_limits_the_number_of_cached_objects(variant: Variant, tmp_path: Path) -> None:
    """7,000 to the MB: in the least zone that NGINX takes some 440, and what was asked for longest goes first."""
    with cached_stage(tmp_path, variant, lambda _: Answer(body=b"small"), cache={"keys": "64k"}) as (made, _):

        def kept(number: int) -> str:
            options = {"cache_version": str(number), "size": 5}
            _, line = made.logged("store", options=options)
            return str(line["cache"])

        for number in range(600):
            assert made.get("store", options={"cache_version": str(number), "size": 5}).body == b"small"
        assert 400 < len(cached_files(tmp_path / "cache")) < 500
        assert [kept(599), kept(0)] == ["HIT", "MISS"]
        assert "[alert]" not in made.nginx.error_log


def test_a_full_disk_cuts_cached_transfers_only(variant: Variant, tmp_path: Path) -> None:
    """NGINX sends of an answer that it keeps only what it could write. One that is not to be kept needs no disk."""
    with small_disk(tmp_path, "128k") as cache, running(tmp_path, variant) as made:
        for _ in range(2):
            (line,) = made.lines_of(lambda: require_cut(made))
            assert (line["status"], line["completion"]) == ("200", "")
            assert line["body_bytes"] < int(line["sent_length"]) == len(BODY)
            # In the middle of a later slice it looks as if the client had left, and so it does where NGINX has read
            # to its end what is hardly larger than disk and buffers: the next test has one that is.
            assert line["why"] in (("",) if "slice" in build_of(variant).modules else ("", "cache_failed"))
        assert made.get("store").body == BODY
        subprocess.run(["mount", "-o", "remount,size=4m", str(cache)], check=True)
        assert body_of(made, "full") == BODY


@pytest.mark.parametrize("size", [2 * LARGE, LARGE], ids=["first slice", "whole"])
def test_a_disk_without_room_for_the_beginning_is_told(variant: Variant, tmp_path: Path, size: int) -> None:
    """Where the object, or its slice, is larger than the buffers: NGINX has read a smaller one to its end."""
    with small_disk(tmp_path, "128k"), running(tmp_path, variant, slice=str(LARGE)) as made:
        (line,) = made.lines_of(lambda: require_cut(made, size))
    assert (line["status"], line["completion"], line["why"]) == ("200", "", "cache_failed")
    assert line["sent_length"] == str(size)


def require_cut(made: Stage, size: int = len(BODY)) -> None:
    """Download; what comes is no whole file, and is a beginning of it."""
    with pytest.raises((http.client.HTTPException, ConnectionError)) as raised:
        made.get("store", str(size), options={"cache_version": "full", "size": size})
    if isinstance(raised.value, http.client.IncompleteRead):
        assert (BODY * 5).startswith(raised.value.partial)

"""NGINX cannot remember: its disk is full, or its folder is closed. Users get what the app allows, as without a grant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.live.grants.scene import BODY, FOLDER, scene, segment
from tests.live.small_disk import small_disk
from xaccel_testing import S3Server, Variant

NO_ROOM = {"no room": "8m", "no inode": "8m,nr_inodes=16"}


def fill(disk: Path) -> None:
    """Take all inodes or all bytes of a small file system."""
    (disk / "files").mkdir()
    with pytest.raises(OSError, match="No space left"):
        for number in range(10_000):
            (disk / "files" / str(number)).write_bytes(bytes(1 << 20))
    with pytest.raises(OSError, match="No space left"):
        (disk / "files" / "last").write_bytes(bytes(1 << 20))


@pytest.mark.parametrize("size", NO_ROOM.values(), ids=NO_ROOM)
def test_without_room_each_request_is_the_apps_to_decide(
    variant: Variant, s3: S3Server, tmp_path: Path, size: str
) -> None:
    s3.create_bucket(bucket := f"full-{os.urandom(4).hex()}")
    s3.put(bucket, f"{FOLDER}s1.ts", segment("s1.ts"))
    with (
        small_disk(tmp_path, size, "disk") as disk,
        scene(
            tmp_path,
            variant,
            origins={"bucket": s3.origin(bucket)},
            grants={"folder": str(disk / "grants")},
        ) as made,
    ):
        early, late = made.user("early", "a"), made.user("late", "a", FOLDER)
        assert made.get("/files/media/a", early).body == BODY
        fill(disk)
        for path, body in (
            ("/files/media/a", BODY),
            (f"/files/media/{FOLDER}s1.ts", segment("s1.ts")),
            (f"/files/bucket/{FOLDER}s1.ts", segment("s1.ts")),
        ):
            for _ in range(2):
                replies = []
                assert made.calls_of(lambda: replies.append(made.get(path, late))) >= 1
                assert [(reply.status, reply.body) for reply in replies] == [(200, body)]
        made.may.clear()
        assert made.get("/files/media/a", late).status == 403

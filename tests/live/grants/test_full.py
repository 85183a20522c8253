"""The disk of the grants is full. Users get what the app allows, as without a grant."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live.grants.scene import BODY, FOLDER, scene, segment
from tests.live.small_disk import small_disk
from xaccel.errors import RevocationFailed
from xaccel.features.grants.revoke import revoke
from xaccel_testing import S3Server, Variant

NO_ROOM = {"no room": ("8m", 1 << 16), "no inode": ("8m,nr_inodes=40", 0)}
"""Options of a tmpfs, and the size of the files that fill it."""


def fill(disk: Path, size: int) -> None:
    """Write files of this size until a small file system has no room or no inode left."""
    (disk / "files").mkdir()
    with suppress(OSError):
        for number in range(10_000):
            (disk / "files" / str(number)).write_bytes(bytes(size))
        pytest.fail("the disk is not full")


@pytest.mark.parametrize(("options", "size"), NO_ROOM.values(), ids=NO_ROOM)
def test_without_room_each_request_is_the_apps_to_decide(
    variant: Variant, s3: S3Server, tmp_path: Path, options: str, size: int
) -> None:
    bucket = f"full-{secrets.token_hex(4)}"
    s3.create_bucket(bucket)
    s3.put(bucket, f"{FOLDER}s1.ts", segment("s1.ts"))
    with (
        small_disk(tmp_path, options, "disk") as disk,
        scene(
            tmp_path,
            variant,
            origins={"bucket": s3.origin(bucket)},
            grants={"folder": str(disk / "grants")},
        ) as made,
    ):
        late = made.user("late", "a", FOLDER)
        fill(disk, size)  # before any grant, so that NGINX has none to remove for `min_free`
        for path, body in (
            ("/files/media/a", BODY),
            (f"/files/media/{FOLDER}s1.ts", segment("s1.ts")),
            (f"/files/bucket/{FOLDER}s1.ts", segment("s1.ts")),
        ):
            before = len(made.calls)
            replies = [made.get(path, late) for _ in range(2)]
            assert [(reply.status, reply.body) for reply in replies] == [(200, body)] * 2
            assert len(made.calls) >= before + 2
        if not size:
            with pytest.raises(RevocationFailed, match="status 507: it could not store the revocation"):
                revoke(made.site, user="early")
        made.may.clear()
        assert made.get("/files/media/a", late).status == 403


def test_without_room_a_grant_is_used_and_can_be_revoked(variant: Variant, tmp_path: Path) -> None:
    """NGINX removes the grant for `min_free` at the earliest ten seconds after its start."""
    with (
        small_disk(tmp_path, "8m", "disk") as disk,
        scene(tmp_path, variant, grants={"folder": str(disk / "grants")}) as made,
    ):
        early = made.user("early", "a")
        assert made.get("/files/media/a", early).body == BODY
        fill(disk, 1 << 16)
        made.may.clear()
        assert made.get("/files/media/a", early).body == BODY
        revoke(made.site, user="early")  # a mark is an empty file
        assert made.get("/files/media/a", early).status == 403

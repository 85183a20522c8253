"""Symbolic links in a directory that is an origin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.live.stage import stage
from xaccel_testing import Variant

NOBODY = 65534
PAGE = (404, b"Not found.\n")


def test_no_link_below_the_root_is_followed(variant: Variant, tmp_path: Path) -> None:
    """The root may be a link, and is one here."""
    media, outside = tmp_path / "media", tmp_path / "outside"
    media.mkdir()
    outside.mkdir()
    (outside / "x").write_bytes(b"of the same owner")
    (media / "x").write_bytes(b"below the root")
    (media / "inside").symlink_to("x")
    (media / "same").symlink_to(outside / "x")
    (media / "folder").symlink_to(outside)
    (media / "other").symlink_to("/etc/passwd")
    (tmp_path / "root").symlink_to(media)
    with stage(tmp_path / "nginx", variant, {"media": {"root": str(tmp_path / "root")}}) as running:
        assert running.get("media", "x").body == b"below the root"
        for key in ("inside", "same", "folder/x", "other"):
            reply = running.get("media", key)
            assert (reply.status, reply.body) == PAGE, key


EXCHANGE = """
import ctypes, sys
libc, (one, other) = ctypes.CDLL(None), [name.encode() for name in sys.argv[1:]]
while libc.renameat2(-100, one, -100, other, 2) == 0:
    pass
"""
"""Exchange two names as fast as Linux does it, until the process is ended."""


def test_a_link_that_is_exchanged_by_renames_is_not_followed(variant: Variant, tmp_path: Path) -> None:
    """The name is in turns an attacker's link to a foreign file, and a file of that file's owner."""
    media, secret = tmp_path / "media", tmp_path / "secret"
    media.mkdir()
    secret.write_bytes(b"not for everybody")
    (media / "x").write_bytes(b"harmless")
    (media / "y").symlink_to(secret)
    if os.geteuid() == 0:
        os.lchown(media / "y", NOBODY, NOBODY)
    seen = set()
    with stage(tmp_path / "nginx", variant, {"media": {"root": str(media)}}) as running:
        exchanger = subprocess.Popen([sys.executable, "-c", EXCHANGE, str(media / "x"), str(media / "y")])
        try:
            for _ in range(500):
                reply = running.get("media", "x")
                seen.add((reply.status, reply.body))
        finally:
            exchanger.kill()
            exchanger.wait()
    assert (200, b"harmless") in seen
    assert PAGE in seen
    assert (200, secret.read_bytes()) not in seen

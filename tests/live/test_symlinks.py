"""Symbolic links in a directory that is an origin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.live.stage import stage
from xaccel.testing import Variant

pytestmark = pytest.mark.nginx

NOBODY = 65534


def test_a_link_leads_to_files_of_its_owner_only(variant: Variant, tmp_path: Path) -> None:
    """The root may be a link, and is one here."""
    media, outside = tmp_path / "media", tmp_path / "outside"
    media.mkdir()
    outside.mkdir()
    (outside / "x").write_bytes(b"of the same owner")
    (media / "same").symlink_to(outside / "x")
    (media / "folder").symlink_to(outside)
    (media / "other").symlink_to("/etc/passwd")
    if os.geteuid() == 0:  # else the link is ours, and /etc/passwd is root's
        os.lchown(media / "other", NOBODY, NOBODY)
    (tmp_path / "root").symlink_to(media)
    with stage(tmp_path / "nginx", variant, {"media": {"root": str(tmp_path / "root")}}) as running:
        assert running.get("media", "same").body == b"of the same owner"
        assert running.get("media", "folder/x").body == b"of the same owner"
        reply = running.get("media", "other")
    assert (reply.status, reply.body) == (404, b"Not found.\n")

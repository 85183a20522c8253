"""A small file system, for what a server does when its disk is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(directory: Path, size: str, name: str = "cache") -> Iterator[Path]:
    """Mount a file system of `size` on `directory/name`, by default where NGINX's cache is."""
    place = directory / name
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        end = pytest.fail if os.environ.get("XACCEL_REQUIRE_LIVE") == "1" else pytest.skip
        end("mounting a small file system needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)

"""A file system of a few KB, for what NGINX does when its disk is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[Path]:
    """The place of the cache as a file system of its own."""
    cache = directory / "cache"
    cache.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", str(cache)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        end = pytest.fail if os.environ.get("XACCEL_REQUIRE_LIVE") == "1" else pytest.skip
        end("mounting a small file system needs root")
    try:
        yield cache
    finally:
        subprocess.run(["umount", str(cache)], check=True)

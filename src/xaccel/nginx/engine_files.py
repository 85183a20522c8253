"""The engine: static files of NGINX configuration, the same for all sites."""

from __future__ import annotations

import hashlib
import re
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).with_name("engine")
SCRIPT = "xaccel.js"
VERSION = 1
"""Grows when a site needs something of the engine that older engines lack. There is a marker file for each version that
this engine supports."""
MARKER = f"version-{VERSION}-or-newer"
MANIFEST = "MANIFEST"

_HEADING = re.compile(r"# xaccel (\d+(?:\.\d+)*)\S*, engine (\d+)\n")


def maps(*, slices: bool) -> tuple[str, ...]:
    """Return the names of the files for the http level, in order. `slices`: NGINX has the module."""
    other = "9-whole" if slices else "9-slices"
    return tuple(f"maps/{path.stem}" for path in sorted(FOLDER.glob("maps/*.conf")) if path.stem != other)


def files() -> dict[str, str]:
    """Return all files with their content, by path below the engine's folder, the manifest last."""
    found = {
        str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8")
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in (".conf", ".js")
    }
    sums = (f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in found.items())
    return {**found, MANIFEST: _heading() + "".join(sums)}


def is_newer(folder: Path) -> bool:
    """Tell whether the engine in `folder` is newer than this one."""
    try:
        there = (folder / MANIFEST).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return False
    return _release(there) > _release(_heading())


def _heading() -> str:
    return f"# xaccel {version('xaccel')}, engine {VERSION}\n"


def _release(manifest: str) -> tuple[int, tuple[int, ...]]:
    """Return engine and version of the manifest's first line, zeros for what is no manifest."""
    match = _HEADING.match(manifest)
    return (int(match[2]), tuple(map(int, match[1].split(".")))) if match else (0, ())

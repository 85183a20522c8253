"""Read the engine: the NGINX files that are the same for all sites."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Container, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from xaccel.tools.nginx.probe import Nginx

FOLDER = Path(__file__).with_name("engine")
SCRIPT = "xaccel.js"
VERSION = 2
"""Increased when sites need something that older engines lack. Each supported version has a marker file."""
MARKER = f"version-{VERSION}-or-newer"
MANIFEST = "MANIFEST"

SHUTDOWN = "1h"
"""How long NGINX's workers continue downloads after a reload or QUIT. A unit or manifest that stops NGINX must wait as
long: systemd's `TimeoutStopSec`, Kubernetes' `terminationGracePeriodSeconds`, Compose's `stop_grace_period`."""

_MODULES = (
    "gzip ssi charset userid headers access mirror autoindex auth_basic auth_request gunzip gzip_static sub addition"
).split()
"""Modules to switch off for downloads. An operator may use them for other pages."""

_SINCE = {"early_hints": "early_hints", "trailers": "proxy_pass_trailers", "inherit": "add_header_inherit"}
"""Newer NGINX features to switch off, by engine file."""

_EITHER = {"slice": ("9-slices", "9-whole"), "realip": ("9-realip", "9-no-realip")}
"""Files of maps for an NGINX with a module, and for one without it."""

_HEADING = re.compile(r"# xaccel (\d+(?:\.\d+)*)\S*, engine (\d+)\n")


def maps(modules: Container[str]) -> tuple[str, ...]:
    """Return the names of the files for the http level, in order. modules: of NGINX."""
    others = {without if module in modules else own for module, (own, without) in _EITHER.items()}
    others |= set() if _removes_raw(modules) else {"9-raw"}
    return tuple(
        f"maps/{path.stem}" for path in sorted(FOLDER.glob("maps/*.conf")) if path.stem not in others
    )


def off(nginx: Nginx) -> list[str]:
    """Return the names of the files that switch off what an operator may use for other pages."""
    names = [name for name in _MODULES if name in nginx.modules]
    names += [name for name, feature in _SINCE.items() if nginx.has(feature)]
    other = {"sub": "locations/raw"} if _removes_raw(nginx.modules) else {}
    return [other.get(name, f"off/{name}") for name in names]


def _removes_raw(modules: Container[str]) -> bool:
    """Tell whether NGINX removes a response that is not HTTP. njs refuses it; the wheel's NGINX without njs cannot."""
    return "sub" in modules and "njs" not in modules


@cache
def contents() -> Mapping[str, str]:
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
    return _release(_manifest(folder)) > _release(_heading())


def is_other_build(folder: Path) -> bool:
    """Tell whether the engine in `folder` has the same version, but other files: it is unknown which one is newer."""
    there = _manifest(folder)
    return _release(there) == _release(_heading()) and there != contents()[MANIFEST]


def _manifest(folder: Path) -> str:
    try:
        return (folder / MANIFEST).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""


@cache
def _heading() -> str:
    return f"# xaccel {version('xaccel')}, engine {VERSION}\n"


def _release(manifest: str) -> tuple[int, tuple[int, ...]]:
    """Return engine and version of the manifest's first line; zeros if it is not a manifest."""
    match = _HEADING.match(manifest)
    return (int(match[2]), tuple(map(int, match[1].split(".")))) if match else (0, ())


@cache
def comments() -> Mapping[str, Any]:
    """Return the comments of generated files (comments.toml)."""
    return tomllib.loads(FOLDER.with_name("comments.toml").read_text(encoding="utf-8"))


def text(name: str) -> str:
    """Return one file of the engine."""
    return (FOLDER / f"{name}.conf").read_text(encoding="utf-8")

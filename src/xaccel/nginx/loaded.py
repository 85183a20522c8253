"""Which dynamic modules an NGINX loads, as opposed to those that only lie on the disk."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from xaccel.nginx.probe import DYNAMIC, Nginx

_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
_LOADED = re.compile(r"""(?<![^\s;])load_module\s+["']?([^"';]+)["']?\s*;""")
_DIRECTIVES = {"njs": "js_", "headers_more": "more_"}


def only_loaded(nginx: Nginx, command: Sequence[str]) -> tuple[Nginx, tuple[str, ...], bool]:
    """Return what `nginx` can do with the modules that its configuration loads.

    `command` is the program with its options for prefix and configuration. Returned with it are the files of modules
    that are there and not loaded, and whether NGINX could be asked: it prints no configuration that it refuses.
    """
    if not nginx.load_modules:
        return nginx, (), True
    try:
        done = subprocess.run([*command, "-T"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return nginx, (), False
    if done.returncode == 0:
        loaded = {Path(path.strip()).name for path in _LOADED.findall(_COMMENT.sub("", done.stdout))}
        unloaded = {name for name in DYNAMIC if DYNAMIC[name] not in loaded}
    else:
        # What an earlier `config` generated for a module that is not loaded.
        unloaded = {
            name for name, begin in _DIRECTIVES.items() if f'unknown directive "{begin}' in done.stderr
        }
    missing = tuple(
        path for path in nginx.load_modules if Path(path).name in {DYNAMIC[name] for name in unloaded}
    )
    without = replace(
        nginx,
        njs=nginx.njs and not _lacks(missing, "njs"),
        headers_more=nginx.headers_more and not _lacks(missing, "headers_more"),
        load_modules=tuple(path for path in nginx.load_modules if path not in missing),
    )
    return without, missing, done.returncode == 0 or bool(unloaded)


def _lacks(files: tuple[str, ...], name: str) -> bool:
    return any(Path(path).name == DYNAMIC[name] for path in files)

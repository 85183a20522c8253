"""Look into the folders of NGINX's caches before NGINX does: it deletes all files there that are not its own.

A minute after its start, NGINX reads each folder of a cache with all folders below it. It deletes each file, link and
socket that is no entry of a cache: ngx_http_file_cache_manage_file in
https://github.com/nginx/nginx/blob/master/src/http/ngx_http_file_cache.c.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from xaccel.errors import NginxError
from xaccel.site import Site

_ENTRY = re.compile(r"[0-9a-f]{32}(?:\.[0-9]{10})?")
"""The name of an object in a cache, or of one that arrives."""

_MAX_FILES = 10_000
"""Files that are looked at: a cache may have millions, and a folder of another program shows it among the first."""


def require_own_cache_folders(site: Site) -> None:
    """Raise NginxError for a folder of a cache in which the site, or another program, keeps other files."""
    caches = {
        'CACHE["path"]': site.cache and site.cache.path,
        'GRANTS["folder"]': site.grants and site.grants_folder,
    }
    for where, path in caches.items():
        if path and path.startswith("/"):  # a relative one is below NGINX's prefix
            for other in (*_paths_of(site, Path(path)), *islice(_files_of_others(Path(path)), 1)):
                what = f"NGINX would delete {other}, as it deletes all other files in the folder of a cache"
                raise NginxError(what, where=where, remedy="Name a folder that nothing else uses.")


def _paths_of(site: Site, folder: Path) -> Iterator[Path]:
    """Yield other paths of the settings that are in the folder of a cache."""
    paths = [site.transfer_log, *(origin.root for origin in site.directories.values())]
    if site.archives:
        paths += [site.archives.layouts, site.archives.log]
    if site.grants and Path(site.grants_folder) != folder:
        paths.append(site.grants_folder)
    for path in map(Path, filter(None, paths)):
        if path.is_relative_to(folder):
            yield path


def _files_of_others(folder: Path) -> Iterator[Path]:
    """Yield files that are no entries of a cache. Folders that this user cannot read have none."""
    files = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return (path for path in islice(files, _MAX_FILES) if not _ENTRY.fullmatch(path.name))

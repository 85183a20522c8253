"""The file by which another program learns that everything runs, and where."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from portal.demo.identity import PEOPLE
from portal.demo.stack import SharedFile, Stack
from xaccel_testing.servers.processes import write_private


def contents(stack: Stack) -> dict[str, Any]:
    """Return what the file says.

    `users` can have files; the administrator has none and is under `admin`. `pids` are all processes of each part.
    `internal_locations` are paths with status 404 for clients.
    """
    url = stack.nginx.url
    *names, admin = (person.username for person in PEOPLE)
    return {
        "url": f"{url}/",
        "login_url": f"{url}/login",
        "users": [
            {**_login(name, stack), "files": [_file(file, stack) for file in stack.files_of(name)]}
            for name in names
        ],
        "admin": {"url": f"{url}/admin/", **_login(admin, stack)},
        "pids": {
            "nginx": stack.nginx.pids,
            "app": stack.app.pids,
            "s3": stack.s3.pids,
            "ingest": stack.ingest.pids,
        },
        "s3": {"endpoint": stack.s3.endpoint, "bucket": stack.identity.bucket},
        "internal_locations": [f"{stack.site.internal_prefix}{name}" for name in stack.site.origins],
        "access_log": stack.site.transfer_log,
        "data_dir": str(stack.folder),
        "manage": stack.manage,
    }


@contextmanager
def ready_file(path: Path | None, stack: Stack) -> Iterator[None]:
    """Write the file, readable by its owner only, in one step, and remove it when the block ends."""
    if path is None:
        yield
        return
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_private(half, json.dumps(contents(stack), ensure_ascii=False, indent=2) + "\n")
        half.rename(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def is_ready_file(path: Path) -> bool:
    """Tell whether a demo wrote this file, such as one that was killed."""
    if not path.is_file():
        return False
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and values.keys() >= {"pids", "internal_locations", "manage"}


def _login(username: str, stack: Stack) -> dict[str, str]:
    return {"username": username, "password": stack.identity.passwords[username]}


def _file(file: SharedFile, stack: Stack) -> dict[str, Any]:
    url = f"{stack.nginx.url}{file.path}"
    return {"name": file.name, "url": url, "size": file.size, "sha256": file.sha256}

"""The file by which another program learns that everything runs, and where."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from portal.demo.people import PEOPLE
from portal.demo.stack import Stack
from xaccel.site.origins import LocalOrigin


def contents(stack: Stack) -> dict[str, Any]:
    """Return what the file says.

    `users` can have files; the administrator has none and is under `admin`. `pids` are all processes of each part.
    `internal_locations` are paths with status 404 for clients.
    """
    url = stack.nginx.url
    return {
        "url": f"{url}/",
        "login_url": f"{url}/login",
        "users": [_user(person.username, stack) for person in PEOPLE if not person.superuser],
        "admin": {
            "url": f"{url}/admin/",
            **next(_login(person.username, stack) for person in PEOPLE if person.superuser),
        },
        "pids": {
            "nginx": stack.nginx.pids,
            "app": stack.app.pids,
            "s3": stack.s3.pids,
            "ingest": stack.ingest.pids,
        },
        "s3": {"endpoint": stack.s3.endpoint, "bucket": stack.identity.bucket},
        "internal_locations": [
            f"{stack.site.internal_prefix}{name}{'/' if isinstance(origin, LocalOrigin) else ''}"
            for name, origin in stack.site.origins.items()
        ],
        "access_log": str(stack.line_log),
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
        with open(half, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
            json.dump(contents(stack), out, ensure_ascii=False, indent=2)
            out.write("\n")
        half.rename(path)
        yield
    finally:
        for file in (half, path):
            with suppress(FileNotFoundError):
                file.unlink()


def _login(username: str, stack: Stack) -> dict[str, str]:
    return {"username": username, "password": stack.identity.passwords[username]}


def _user(username: str, stack: Stack) -> dict[str, Any]:
    return {
        **_login(username, stack),
        "files": [
            {
                "name": file.name,
                "url": f"{stack.nginx.url}{file.path}",
                "size": file.size,
                "sha256": file.sha256,
            }
            for file in stack.files_of(username)
        ],
    }

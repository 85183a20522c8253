"""XA311, XA422: revocations of grants reach every NGINX, and the folders of grants on NGINX's host are closed."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from xaccel.doctor.check import REMEDIES, Evidence, check
from xaccel.doctor.running_site import RunningSite, Skipped
from xaccel.errors import NginxError
from xaccel.grants.grant import key_of, mark_of
from xaccel.grants.revoke import Revocation
from xaccel.nginx.grants import folders, require_closed_folders

_STORED_S = 1.0
"""How long NGINX may take to store a revocation after its response."""


@check("XA311")
def revocations_reach_every_nginx(stack: RunningSite) -> Iterator[Evidence]:
    """Revoke a tag that no grant has, and look for it in the folder of this machine's NGINX.

    Only the app's machine must be able to reach each NGINX.
    """
    if stack.site.grants is None:
        return
    tag = f"xaccel-doctor-{secrets.token_hex(8)}"
    revocation = Revocation(stack.site, tag=tag)
    if not revocation.send() and (stack.has_app or not stack.site.grants.nginx):
        yield from (Evidence(f"{name}: {reason}") for name, reason in revocation.missing.items())
        return
    revoked = folders(stack.site)[1]
    if stack.nginx and os.access(revoked, os.R_OK | os.X_OK):
        until = time.monotonic() + _STORED_S
        while not (revoked / mark_of(key_of(stack.site, "tag", tag))).exists():
            if time.monotonic() > until:
                if revocation.missing:  # it may be one of them
                    raise Skipped(revocation.failure().what)
                yield Evidence("it did not reach this machine's NGINX", remedy=REMEDIES["unlisted_nginx"])
                return
            time.sleep(0.02)


@check("XA422")
def folders_of_grants_are_closed(stack: RunningSite) -> Iterator[Evidence]:
    if stack.site.grants is None:
        return
    try:
        require_closed_folders(stack.site)
    except NginxError as error:
        yield Evidence(f"{error.what}", remedy=error.remedy)
        return
    for folder in filter(Path.exists, folders(stack.site)):
        if folder.owner() != stack.workers[0]:
            text = f"{folder} belongs to {folder.owner()}, and NGINX's workers are {stack.workers[0]}"
            yield Evidence(text)
        elif os.access(folder, os.R_OK | os.X_OK) and _is_from_before(folder, stack):
            text = f"{folder} has files from before the start of NGINX"
            yield Evidence(text, "warn", REMEDIES["old_grants"])


def _is_from_before(folder: Path, stack: RunningSite) -> bool:
    started = stack.pid_file.stat().st_mtime
    return any(file.stat().st_mtime < started for file in folder.iterdir())

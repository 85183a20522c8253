"""XA311, XA314: revocations of grants reach every NGINX, and the folders of grants on NGINX's host are closed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from xaccel.errors import NginxError
from xaccel.features.grants.grant import key_of
from xaccel.features.grants.revoke import Revocation
from xaccel.tools.doctor.check import REMEDIES, Evidence, check, remedy_for
from xaccel.tools.doctor.running_site import RunningSite, Skipped
from xaccel.tools.nginx.grants import folders, require_closed_folders
from xaccel.tools.nginx.processes import user_name

_REVOCATIONS = 6
"""If a listed URL leads to several NGINX by turns, some of these do not reach this machine's NGINX."""


@check("XA311")
def revocations_reach_every_nginx(stack: RunningSite) -> Iterator[Evidence]:
    """Revoke tags that no grant has, and look for them in the folder of this machine's NGINX.

    Only the app's machine must be able to reach each NGINX.
    """
    if stack.site.grants is None:
        return
    tags = [f"xaccel-doctor-{secrets.token_hex(8)}" for _ in range(_REVOCATIONS)]
    for tag in tags:
        revocation = Revocation(stack.site, tag=tag)
        if not revocation.send():
            break
    if revocation.missing and (stack.has_app or not stack.site.grants.nginx):
        for name, reason in revocation.missing.items():
            yield Evidence(f"{name}: {reason}", remedy=remedy_for(f"revocation: {reason}"))
        return
    revoked = folders(stack.site)[1]
    if stack.nginx and os.access(revoked, os.R_OK | os.X_OK):
        marks = [revoked / key_of(stack.site, "tag", tag) for tag in tags]
        missing = [mark for mark in marks if not mark.exists()]
        for mark in marks:
            mark.unlink(missing_ok=True)  # no grant has these tags, and NGINX deletes no mark
        if missing and revocation.missing:  # it may be one of them
            raise Skipped(revocation.failure().what)
        if len(missing) == len(tags):
            yield Evidence("it did not reach this machine's NGINX", remedy=REMEDIES["unlisted_nginx"])
        elif missing:
            text = f"{len(missing)} of {len(tags)} revocations did not reach this machine's NGINX"
            yield Evidence(text, remedy=REMEDIES["balanced_nginx"])


@check("XA314")
def folders_of_grants_are_closed(stack: RunningSite) -> Iterator[Evidence]:
    if stack.site.grants is None:
        return
    try:
        require_closed_folders(stack.site)
    except NginxError as error:
        yield Evidence(f"{error.what}", remedy=error.remedy)
        return
    for folder in filter(Path.exists, folders(stack.site)):
        owner, workers = folder.stat().st_uid, stack.workers
        if owner != workers.uid:
            text = f"{folder} belongs to {user_name(owner)}, and NGINX's workers are {workers.name}"
            remedy = REMEDIES["other_owner"].format(user=workers.name, folder=folder)
            yield Evidence(text, remedy=remedy)
        elif os.access(folder, os.R_OK | os.X_OK) and _is_from_before(folder, stack):
            text = f"{folder} has files from before the start of NGINX"
            yield Evidence(text, "warn", REMEDIES["old_grants"])


def _is_from_before(folder: Path, stack: RunningSite) -> bool:
    started = stack.pid_file.stat().st_mtime
    return any(file.stat().st_mtime < started for file in folder.iterdir())

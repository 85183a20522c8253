"""XA3xx: what runs, and what it says at the front door."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from functools import partial
from http.client import HTTPException
from pathlib import Path

from xaccel.doctor.check import Evidence, Skipped, check
from xaccel.doctor.machine import is_running, workers_of
from xaccel.doctor.running_site import RunningSite
from xaccel.nginx.settings_digest import digest, digest_text
from xaccel.site.origins import LocalOrigin

_FILE = re.compile(r"^# configuration file (.+):$", re.MULTILINE)


@check(301)
def runs(stack: RunningSite) -> Iterator[str]:
    if stack.tested.returncode != 0:
        raise Skipped("NGINX refuses its configuration, so its pid file is not known")
    try:
        if not is_running(stack.master):
            yield f"its process {stack.master} has ended"
    except Skipped as reason:
        yield str(reason)


def _at_the_door(stack: RunningSite, *, for_tls: bool) -> Iterator[str]:
    try:
        assert stack.shown_digest
    except (OSError, HTTPException) as error:
        is_tls = isinstance(error, ssl.SSLCertVerificationError)
        if is_tls == for_tls:
            yield f"{stack.door.url}: {getattr(error, 'verify_message', '') or error}"


check(302)(partial(_at_the_door, for_tls=False))
check(303)(partial(_at_the_door, for_tls=True))


def other_settings(stack: RunningSite) -> str | None:
    """Return how the settings of the running NGINX differ from the site's; empty: they do not, None: not its NGINX.

    Raises OSError and http.client.HTTPException.
    """
    found = stack.running
    if found is None or found[0].startswith(digest_text(stack.site)):
        return None if found is None else ""
    return f"it has the settings {found[1]}, and those of the site are {digest(stack.site)}"


@check(304)
def reloaded(stack: RunningSite) -> Iterator[str]:
    said = other_settings(stack)
    if said is None and stack.nginx:  # other secrets have another path
        said = next(_newer(stack), "")
    if said:
        yield said


@check(308)
def knows_the_site(stack: RunningSite) -> Iterator[str | Evidence]:
    reply = stack.shown_digest
    if reply.status in (301, 302, 307, 308):
        to = reply.header("Location").partition("?")[0]
        yield Evidence(f"{stack.door.url} redirects to {to}", "unknown")
    elif stack.running is None:
        yield f"{stack.door.url} does not know the site, or has another secret of it (status {reply.status})"


def _newer(stack: RunningSite) -> Iterator[str]:
    started = min(workers_of(stack.master), default=None)
    if started is None:
        raise Skipped("this system does not show the workers of NGINX")
    for name in _FILE.findall(stack.dumped):
        if Path(name).stat().st_mtime > started:
            yield f"{name} is newer than the workers"


check(305)(_newer)


@check(306)
def restarted(stack: RunningSite) -> Iterator[str]:
    there = ".".join(map(str, stack.build.version))
    if stack.running and stack.running[2] != there:
        yield f"{stack.running[2]} runs, and {stack.nginx} is {there}"


@check(307)
def closed(stack: RunningSite) -> Iterator[str]:
    for name, origin in stack.site.origins.items():
        below = "/xaccel-doctor" if isinstance(origin, LocalOrigin) else ""
        path = f"{stack.site.internal_prefix}{name}{below}"
        status = stack.door.ask("GET", path).status
        if status != 404:
            yield f"{path} has status {status}"

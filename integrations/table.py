"""What is asked of each application: a row for each promise, with what is seen and whether that is right.

The tests assert the rows of the side with xaccel; `scripts/bench integrations` prints those of all sides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

from integrations.application import Running
from integrations.clients import CLIENTS, Used, get, slow_clients, watch
from tests.live.client import Reply, ask
from xaccel_testing.as_nginx import filename_of

MB = 1_000_000
_FIRST, _LAST = 1000, 1099
_PAGES_ASKED, _PAGES_S = 20, 30
_ONE_LOGIN = 40 * MB
"""The check of one password by scrypt takes 32 MB, and MLflow checks it at each request."""
_REFUSED = (302, 401, 403, 404, 405)
_SIGNED = ("X-Amz-Signature", "AWSAccessKeyId", "AWS4-HMAC-SHA256")


class Seen(NamedTuple):
    """What a row saw, as a table prints it, and whether it is right."""

    text: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One promise. is_timed: its text is a time, which says little on a busy machine."""

    name: str
    see: Callable[[Running], Seen]
    is_timed: bool = False

    def __str__(self) -> str:
        return self.name


def carried_by(site: Running) -> Seen:
    """Ask the application itself, without NGINX."""
    reply = ask(site.app_port, site.private.path, "GET", site.private.owner)
    if reply.status == 200 and reply.one("X-Accel-Redirect") and not reply.body:
        return Seen("NGINX", True)
    return Seen("the storage" if _is_storage(site, reply) else "Python", False)


def visible(site: Running) -> Seen:
    """Search what the owner, a stranger and nobody get of the file, and all pages of the owner."""
    texts = (site.s3.address, site.bucket, *_SIGNED)
    users: dict[str, Mapping[str, str]] = {
        "owner": site.private.owner,
        "stranger": site.private.stranger,
        "": {},
    }
    found = [
        f"in {name}"
        for user in users.values()
        # not HEAD, which an application may refuse
        for name, value in get(site, user, follow=False, Range="bytes=0-0").headers
        if any(text in value for text in texts)
    ]
    for path in site.private.pages:
        page = ask(site.nginx.port, path, "GET", site.private.owner)
        assert page.status == 200, f"{path}: {page.status}"
        if any(text.encode() in page.everything() for text in texts):
            found.append(f"in {path}")
    return Seen(f"yes, {found[0]}" if found else "no", not found)


def refused(user: str) -> Callable[[Running], Seen]:
    """Ask as nobody, or as a user who may not have the file. HEAD must be refused too: it tells the size."""

    def see(site: Running) -> Seen:
        headers = getattr(site.private, user) if user else {}
        replies = [get(site, headers, method=method) for method in ("GET", "HEAD")]
        right = all(reply.status in _REFUSED for reply in replies)
        return Seen(", ".join(dict.fromkeys(str(reply.status) for reply in replies)), right)

    return see


def whole(site: Running) -> Seen:
    """Receive all of it."""
    return _seen(get(site, site.private.owner), 200, site.content)


def part(site: Running) -> Seen:
    """Receive some bytes of the middle."""
    reply = get(site, site.private.owner, Range=f"bytes={_FIRST}-{_LAST}")
    return _seen(reply, 206, site.content[_FIRST : _LAST + 1])


def resumed(site: Running) -> Seen:
    """Resume a download of the same file."""
    reply = get(site, site.private.owner, Range=f"bytes={_FIRST}-", If_Range=_tag(site))
    return _seen(reply, 206, site.content[_FIRST:])


def replaced(site: Running) -> Seen:
    """Resume a download of a file that was replaced since."""
    reply = get(site, site.private.owner, Range=f"bytes={_FIRST}-", If_Range='"another"')
    return _seen(reply, 200, site.content)


def unchanged(site: Running) -> Seen:
    """Ask again for what a browser has."""
    return _seen(get(site, site.private.owner, If_None_Match=_tag(site)), 304, b"")


def head(site: Running) -> Seen:
    """Ask for the headers alone."""
    reply = get(site, site.private.owner, method="HEAD")
    length = reply.one("Content-Length")
    right = reply.status == 200 and length == str(len(site.content))
    return Seen(f"{reply.status}{'' if right or reply.status != 200 else f', length {length}'}", right)


def name(site: Running) -> Seen:
    """Look at the name that a browser saves: in UTF-8, and in ASCII for clients without `filename*` (RFC 6266)."""
    disposition = get(site, site.private.owner).one("Content-Disposition") or ""
    saved = filename_of(disposition)
    right = saved == site.private.filename and "filename*=" in disposition
    return Seen("right" if right else f"`{saved}`" if saved else "none", right)


def thumbnails(site: Running) -> Seen:
    """Ask for private thumbnails as the owner, a stranger and nobody."""
    private = site.private
    if not private.images:
        return Seen("the application makes none", True)
    if any(site.s3.address in path for path in private.images):
        return Seen("the storage's addresses", False)
    users = (private.owner, private.stranger, {})
    replies = [[ask(site.nginx.port, path, "GET", user) for user in users] for path in private.images]
    shown = all(owner.status == 200 and owner.body for owner, _, _ in replies)
    right = shown and all(reply.status in _REFUSED for _, *others in replies for reply in others)
    return Seen(
        "the site's addresses" if right else str([[each.status for each in row] for row in replies]), right
    )


def memory(site: Running) -> Seen:
    """Compare the application's memory while eight users download with that before."""
    used = _eight(site).used
    text = f"{used.memory / MB:.0f} → {used.peak / MB:.0f} MB"
    return Seen(text, used.peak - used.memory < max(len(site.content) / 2, _ONE_LOGIN))


def disk(site: Running) -> Seen:
    """Look at the application's temporary files."""
    used = _eight(site).used
    return Seen(f"{used.disk / MB:.0f} MB", used.disk < len(site.content) / 2)


def complete(site: Running) -> Seen:
    """Let eight users who stop reading for a while receive all of it."""
    number = _eight(site).complete
    return Seen(f"{number} of {CLIENTS}", number == CLIENTS)


def page(site: Running) -> Seen:
    """Ask for another page while eight users download."""
    found = _eight(site)
    slowest, alone = (f"{max(times) * 1000:.0f}" for times in (found.busy, found.idle))
    return Seen(f"{slowest} ms ({alone} ms)", found.answered)


TABLE = (
    Row("Bytes are carried by", carried_by),
    Row("Storage's address or signature is visible", visible),
    Row("Anonymous user", refused("")),
    Row("Another user", refused("stranger")),
    Row("Whole file", whole),
    Row("`Range`", part),
    Row("Resume with `If-Range`", resumed),
    Row("Resume after the file was replaced", replaced),
    Row("`If-None-Match`", unchanged),
    Row("`HEAD`", head),
    Row("File name that a browser saves", name),
    Row("Private thumbnails", thumbnails),
    Row("Eight slow clients: complete", complete),
    Row("Eight slow clients: app's memory", memory),
    Row("Eight slow clients: app's temporary files", disk),
    Row("Slowest other page, with eight slow clients (without)", page, is_timed=True),
)


@dataclass(frozen=True, slots=True)
class _Eight:
    """What was seen while eight users downloaded; times in seconds."""

    used: Used
    complete: int
    idle: list[float]
    busy: list[float]
    answered: bool


@cache
def _eight(site: Running) -> _Eight:
    """Measure once for all rows."""
    for _ in range(CLIENTS):  # each worker has imported then what a download needs
        get(site, site.private.owner, method="HEAD")
    idle = [*_pages(site)]
    with watch(site) as used, slow_clients(site) as whole_files:
        busy = [*_pages(site)]
    times = [[seconds for seconds, _ in asked] for asked in (idle, busy)]
    return _Eight(used, sum(whole_files), *times, answered=all(status == 200 for _, status in busy))


def _pages(site: Running) -> Iterator[tuple[float, int]]:
    """Ask for the other page 20 times, or as often as 30 s allow; yield the seconds and the status, 0 for none."""
    until = time.monotonic() + _PAGES_S
    for _ in range(_PAGES_ASKED):
        started, status = time.monotonic(), 0
        with suppress(TimeoutError):
            status = ask(site.nginx.port, site.private.page, "GET", site.private.owner).status
        yield time.monotonic() - started, status
        if time.monotonic() > until:
            break


def _tag(site: Running) -> str:
    return get(site, site.private.owner).one("ETag") or '"none was sent"'


def _seen(reply: Reply, status: int, body: bytes) -> Seen:
    right = reply.status == status and reply.body == body
    return Seen(str(reply.status) if right else f"{reply.status}, {len(reply.body):,} bytes", right)


def _is_storage(site: Running, reply: Reply) -> bool:
    return urlsplit(reply.one("Location") or "").netloc == site.s3.address

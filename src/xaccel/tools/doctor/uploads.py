"""XA423 to XA425, XA626 to XA628: what uploads need of the storage, the directory, the app, and of what is in front."""

from __future__ import annotations

import secrets
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from xaccel.features.uploads.decide import LARGEST, Upload
from xaccel.features.uploads.look import delete
from xaccel.features.uploads.receive import accept, headers_of
from xaccel.handoff.identifiers import new_transfer_id
from xaccel.http_client.exchange import Exchange, at_most
from xaccel.http_client.origin import ask_origin
from xaccel.http_client.s3_xml import error_of
from xaccel.sender import Sender
from xaccel.site.origins import LocalOrigin, Origin, S3Origin, covers_many
from xaccel.site.protocol import URL_HEADER
from xaccel.site.site import Uploads
from xaccel.tools.doctor.check import REMEDIES, Evidence, check
from xaccel.tools.doctor.location import remedy_for_unreached
from xaccel.tools.doctor.running_site import LIMITED, RunningSite, Skipped
from xaccel.tools.explain.trace_download import NGINX_PAGE

_BODY, _CRC32_OF_OTHERS = b"xaccel doctor", "AAAAAA=="
_SIZES = {LARGEST: "5 GB", 1 << 30: "1 GB", 100 << 20: "100 MB", (1 << 20) + 1: "1 MB"}
"""Bytes of announced files, from the largest one on; 1 MB is the default limit of NGINX."""
_SENT_BYTES = 256 * 1024
"""More than a proxy keeps in memory: one that stores bodies writes this one to its disk."""
_ELSEWHERE = ("1", "1/xaccel-doctor", "00000000-0000-7000-8000-000000000000")
"""Other ends of the URL of a view, behind the path of uploads."""
_PATIENCE_S = 4.0
"""A proxy that reads a whole body before it sends the request on does not respond to a head alone."""
_REFUSED = (401, 403, 405)
_SHARED = stat.S_ISGID | stat.S_IRWXG


def _uploads(stack: RunningSite) -> Uploads:
    if stack.site.uploads is None:
        raise Skipped("the site has no UPLOADS")
    return stack.site.uploads


def _origins(stack: RunningSite) -> Iterator[tuple[str, Origin]]:
    return ((name, stack.site.origins[name]) for name in _uploads(stack).origins)


@check("XA423", "XA424")
def buckets_take_right_uploads(stack: RunningSite) -> Iterator[Evidence]:
    """Send a PUT with the CRC-32 of other bytes. The storage checks the rights first, and then stores nothing."""
    sender = Sender(stack.site)
    for name, origin in _origins(stack):
        if not isinstance(origin, S3Origin) or covers_many(origin):
            continue
        broken = stack.broken.get(name, "")
        if broken not in ("", "XA412"):  # some storages create a missing bucket on the first PUT
            yield Evidence(f"origin {name}: see {broken}", "skipped")
            continue
        key, id_ = f"uploads/xaccel-doctor-{secrets.token_hex(8)}", new_transfer_id(datetime.now(UTC))
        upload = Upload(id_, name, "", key, len(_BODY), "text/plain", _CRC32_OF_OTHERS, "")
        reply = _put(sender, origin, upload)
        if reply.status == 200:
            delete(sender, upload)
            yield Evidence(f"origin {name}: a PUT with the CRC-32 of other bytes was stored", check="XA424")
        elif reply.status != 400:
            error = error_of(reply.body)
            code = f" ({error.code})" if error and error.code else ""
            yield Evidence(f"origin {name}: status {reply.status}{code} for a PUT", check="XA423")


def _put(sender: Sender, origin: S3Origin, upload: Upload) -> Exchange:
    """Send a PUT as NGINX does. Raises OSError, ValueError and HTTPException."""
    url, headers = dict(accept(sender, upload).headers)[URL_HEADER], dict(headers_of(upload))
    return ask_origin(origin, url, headers, method="PUT", body=_BODY)[-1].completed()


@check("XA425")
def staging_folders_are_shared(stack: RunningSite) -> Iterator[str]:
    for _, origin in _origins(stack):
        if isinstance(origin, LocalOrigin) and (folder := Path(origin.staging)).is_dir():
            found = folder.stat()
            if found.st_mode & _SHARED != _SHARED:
                mode = stat.S_IMODE(found.st_mode)
                yield f"{folder} has mode {mode:o}, owner {folder.owner()} and group {folder.group()}"


@check("XA626", "XA627", "XA628")
def uploads_reach_the_app(stack: RunningSite) -> Iterator[Evidence]:
    """Announce files without credentials, as a page of another site: the app refuses them before it reserves room."""
    for path in _uploads(stack).paths:
        refused = ""
        for size, shown in _SIZES.items():
            reply = _announce(stack, path, size)
            if reply.status != 413:
                break
            refused = shown
        announced, reply = reply, _announce(stack, path, _SENT_BYTES, bytes(_SENT_BYTES))
        if reply.status in LIMITED:  # perhaps because it is the second request
            reply = announced
        if reply.status == 413:
            text = f"status 413 for a file of {_SENT_BYTES >> 10} KB below {path}"
            yield Evidence(text, "fail", check="XA626")
        elif refused:
            yield Evidence(f"status 413 for a file of {refused} below {path}", check="XA626")
        if (reply.status == 0 or reply.status >= 500) and announced.status != reply.status:
            status = f"status {reply.status}" if reply.status else f"no response ({reply.problem})"
            text = f"{status} for a file of {_SENT_BYTES >> 10} KB below {path}"
            if stack.behind and 0 < _announce(stack.behind, path, _SENT_BYTES).status < 500:
                text = f"{text}; NGINX itself responds without an error: the cause is in front of it"
            yield Evidence(text, check="XA628")
            continue
        if reply.status in (501, 503):
            app = _uploads(stack).app
            remedy = REMEDIES["moved_app"] if stack.nginx and remedy_for_unreached(app) == "moved_app" else ""
            text = f"status {reply.status} for a file below {path}, by {app}"
            yield Evidence(text, remedy=remedy, check="XA627")
        elif reply.status == 404 and not NGINX_PAGE.search(reply.body):
            yield from _without_view(stack, path)
        elif (
            reply.status in _REFUSED
            and stack.behind
            and _is_other(reply, _announce(stack.behind, path, size))
        ):
            text = f"status {reply.status} for a file below {path}; NGINX itself responds otherwise"
            yield Evidence(
                f"{text}: the cause is in front of it", remedy=REMEDIES["refused_put"], check="XA627"
            )


def _without_view(stack: RunningSite, path: str) -> Iterator[Evidence]:
    """Yield the path if no view is below it: Django knows it, and of other apps a few URLs are requested."""
    text, remedy = f"the app has no view below {path}, and responds with 404", REMEDIES["moved_view"]
    if stack.leads_below is not None:
        if not stack.leads_below(path):
            yield Evidence(text, remedy=remedy, check="XA627")
        return
    if all(_announce(stack, path, 1, name=name).status == 404 for name in _ELSEWHERE):
        names = ", ".join(f"{path}{name}" for name in _ELSEWHERE)
        yield Evidence(f"the app responds with 404 to each of {names}", "warn", remedy, "XA627")


def _is_other(reply: Exchange, own: Exchange) -> bool:
    """Tell a page of a proxy in front from the refusal of the app, which the proxy passes on."""
    pages = ["html" in one.header("Content-Type") for one in (reply, own)]
    return own.status >= 400 and (reply.status != own.status or pages == [True, False])


def _announce(
    stack: RunningSite, path: str, size: int, body: bytes = b"", *, name: str = "xaccel-doctor"
) -> Exchange:
    headers = {"Content-Length": str(size), "Sec-Fetch-Site": "cross-site"}
    with at_most(_PATIENCE_S):
        return stack.front_door.try_to_ask("PUT", f"{path}{name}", headers, body)

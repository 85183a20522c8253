"""The first request for the download, which all checks look at, and the object that the app hands off for it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from xaccel.errors import XaccelError
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.trace_key import make_key, report_of
from xaccel.http_client.exchange import Exchange
from xaccel.sender import Sender
from xaccel.site.origins import LocalOrigin, S3Origin, covers_many
from xaccel.site.protocol import REDIRECT_HEADER, TRACE_HEADER, URL_HEADER
from xaccel.tools.doctor.error_log import ends, written_since
from xaccel.tools.doctor.running_site import RunningSite, Skipped
from xaccel.tools.explain.why import end_of, new_entry

_SENT = (200, 206)
_NOT_NAMED = "--object ORIGIN/KEY names the one that the download sends"


class LoggedDownload(NamedTuple):
    """A download that the log shows too.

    entry: its log entry, empty if there is none; None if the log is not read. said: the messages that NGINX's error log
    got meanwhile. asked: the site, at the address that was requested. note: what this machine's NGINX does with the
    same request, if it does something else than the site's address.
    """

    asked: RunningSite
    reply: Exchange
    entry: dict[str, Any] | None
    said: tuple[str, ...] = ()
    note: str = ""

    @property
    def why(self) -> str:
        """The `why` of the log entry; empty where there is none."""
        return str((self.entry or {}).get("why", ""))


def request_download(stack: RunningSite) -> LoggedDownload:
    """Request the download. If this machine's log lacks it, request it of this machine's NGINX too.

    A balancer leads to several NGINX by turns, and --url may name another machine.
    """
    done = _request(stack)
    is_perhaps_elsewhere = done.entry == {} and (done.reply.status in _SENT or stack.is_elsewhere)
    behind = None
    with suppress(Skipped):
        behind = stack.behind if is_perhaps_elsewhere else None
    if behind is None:
        return done
    own = _request(behind)
    if own.reply.status == done.reply.status:
        return own._replace(reply=done.reply)
    note = f"this machine's NGINX, at {behind.front_door.url}, responds with {own.reply.status}"
    return done._replace(entry=None, note=note)


def _request(stack: RunningSite) -> LoggedDownload:
    """Request the download. A random end of its Range, far behind the file, marks its log entry."""
    mark, errors, end = f"bytes=0-{10**15 + secrets.randbelow(10**15)}", ends(stack), None
    with suppress(Skipped):
        end = end_of(stack.log)
    key = {TRACE_HEADER: make_key(stack.site.secrets[0], "GET", stack.target)}
    reply = stack.front_door.try_to_ask("GET", stack.target, {**stack.headers, **key, "Range": mark})
    entry = None
    if end is not None:
        entry = new_entry(stack.log, end, mark) if reply.status else {}
    return LoggedDownload(stack, reply, entry, written_since(errors))


logged_download = lru_cache(maxsize=1)(request_download)
"""The one that all checks look at."""


@lru_cache(maxsize=1)
def object_of(stack: RunningSite) -> ObjectRef:
    """Return the object to look at: the one of `--object`, else the one that the app hands off. Raises Skipped."""
    if stack.named is not None:
        return ObjectRef(*stack.named)
    if not stack.download:
        raise Skipped(f"no download is named, and no object; {_NOT_NAMED}")
    headers = _handed_off(stack)
    path = headers.get(REDIRECT_HEADER.lower(), "").removeprefix(stack.site.internal_prefix)
    name, _, below = path.partition("/")
    origin = stack.site.origins.get(name)
    if origin is None or covers_many(origin):
        raise Skipped(f"the app hands off no object of one bucket or directory; {_NOT_NAMED}")
    if isinstance(origin, LocalOrigin):
        return ObjectRef(name, unquote(below))
    if isinstance(origin, S3Origin) and not stack.has_app:
        raise Skipped(f"the app's credentials are on the app's host; {_NOT_NAMED}")
    url, sender = urlsplit(headers.get(URL_HEADER.lower(), "")), Sender(stack.site)
    ref = ObjectRef(name, "xaccel-doctor")
    root = sender.places.locate(ref).place.root
    address = url._replace(query="").geturl()
    own = urlsplit(sender.hand_off(ref).target) if isinstance(origin, S3Origin) else url
    if (
        not address.startswith(root)
        or "versionId" in parse_qs(url.query)
        or _signer(url.query) != _signer(own.query)
    ):
        raise Skipped(f"the app signs the URL with other options than these settings; {_NOT_NAMED}")
    return ObjectRef(name, unquote(address.removeprefix(root)))


def _handed_off(stack: RunningSite) -> Mapping[str, str]:
    """Return the headers of the app's hand-off, by names in lower case; empty if it sends none."""
    reply = logged_download(stack).reply
    report = reported_hand_off(stack, reply)
    if report:
        return report
    app = stack.from_app
    return {name.lower(): value for name, value in app.came} if app else {}


def reported_hand_off(stack: RunningSite, reply: Exchange) -> Mapping[str, str]:
    """Return the headers of the app's hand-off that a response reports to the doctor; empty if it reports none."""
    cookies = [value for name, value in reply.came if name.lower() == "set-cookie"]
    with suppress(XaccelError):  # cryptography, which only `xaccel trace` needs, is not installed
        if report := report_of(stack.site, cookies):
            return {name.lower(): value for name, value in report["headers"]}
    return {}


def _signer(query: str) -> str:
    """Return the access key that signed a URL; empty for temporary credentials, since each process has others."""
    values = parse_qs(query)
    if "X-Amz-Security-Token" in values:
        return ""
    return "".join(values.get("X-Amz-Credential", ())).partition("/")[0]

"""Trace one download: each hop, and which header was added, kept, replaced or dropped there, and by whom."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request

from xaccel.errors import OptionRefused
from xaccel.explain.trace_requests import Pairs, Seen, ask_origin, fetch
from xaccel.explain.why import TRACE_ENDS, WHY
from xaccel.handoff.headers import public_name
from xaccel.handoff.trace_key import COOKIE, HEADER, make_key, report_of
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin, LocalOrigin

END_REASONS = {**TRACE_ENDS, **{name: why.cause for name, why in WHY.items()}}
"""Why a traced download ended, and what it means. No trace ends with another reason."""

_HOST = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
_URL = re.compile(rf"https?://{_HOST}(:[0-9]{{1,5}})?([/?#][!-~]*)?")
_CONDITIONS = ("If-None-Match", "If-Modified-Since", "If-Range", "If-Match", "If-Unmodified-Since")
_CACHED = ("HIT", "STALE", "UPDATING", "REVALIDATED")
_ENTRY_S = 2.0
"""How long a log entry may take: NGINX writes it when the response has been sent."""

Hop = dict[str, Any]
Headers = list[dict[str, str]]


def trace(
    site: Site, url: str, method: str, headers: Pairs, log: Path, *, connect_to: str, ca_file: str | None
) -> dict[str, Any]:
    """Request a download with a key, then send the requests to its origin that NGINX sent.

    The result is not masked yet. Raises OptionRefused for an invalid URL.
    """
    if not _URL.fullmatch(url):
        remedy = "Write the whole URL as your users have it, such as https://example.org/files/42."
        raise OptionRefused("this is not the URL of a download", where="URL", remedy=remedy)
    if connect_to and not re.fullmatch(rf"{_HOST}:[0-9]{{1,5}}", connect_to):
        remedy = "Write it like 127.0.0.1:8080."
        raise OptionRefused(f"{connect_to!r} is no address", where="--connect", remedy=remedy)
    size, given = _size(log), [value for name, value in headers if name.lower() == "traceparent"]
    parent = given[0] if given else f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    own = () if given else (("traceparent", parent),)
    sent = (*headers, *own, (HEADER, make_key(site.secrets[0], method, url)))
    door = fetch(url, method, sent, connect_to, ca_file)
    report = report_of(site, [value for name, value in door.came if name.lower() == "set-cookie"])
    traced: dict[str, Any] = {"end": "not_connected", "single_use": "", "log_entry": {}}
    if report is None:
        if door.status:
            traced["log_entry"] = entry = _entry(log, size, parent)
            refused = entry["why"] if entry.get("why") in ("forged", "no_id") else "key_refused"
            is_read = log.is_file() or door.status >= 300
            traced["end"] = refused if entry else "app" if is_read else "not_logged"
        return {**traced, "hops": [_hop("client", "NGINX", door, _plain(sent), _plain(door.came))]}
    traced["single_use"], handed = report["single_use"], tuple(map(tuple, report["headers"]))
    origins: list[tuple[Hop, Seen]] = []
    if report["status"] == 200:
        traced["log_entry"] = _entry(log, size, report["transfer_id"])
        traced["end"] = _end(traced["log_entry"], door)
        origins = list(_origins(site, report["origin"], dict(handed), door, traced["log_entry"]))
    came = tuple(pair for pair in door.came if not pair[1].startswith(f"{COOKIE}="))
    visible = {(public_name(name) or "").lower(): value for name, value in handed}
    apps = [
        name for name, value in came if visible.get(name.lower()) == value or name.lower() == "set-cookie"
    ]
    stored = origins[-1][1].came if origins else ()
    response = _compared(came, stored, "added", lambda name: "app" if name in apps else "NGINX")
    app = Seen(method=method, url=url, sent=sent, status=report["status"], came=handed)
    hops = [
        _hop("client", "NGINX", door, _plain(sent), response),
        _hop("NGINX", "app", app, _plain(sent), _plain(handed, "used by NGINX")),
    ]
    return {**traced, "hops": [*hops, *(hop for hop, _ in origins)]}


def _origins(
    site: Site, name: str, handed: Mapping[str, str], door: Seen, entry: Mapping[str, Any]
) -> Iterator[tuple[Hop, Seen]]:
    """Yield the request to the origin, and one for each redirect."""
    origin, why, receiver = site.origin(name), WHY.get(str(entry.get("why", ""))), f"origin {name}"
    url, method = handed.get("Xaccel-Url", handed["X-Accel-Redirect"]), handed.get("Xaccel-Method", "GET")
    seen, note = Seen(method=method, url=url, sent=()), ""
    if entry.get("cache") in _CACHED:
        note = f"NGINX sent the file from its cache ({entry['cache']}): there was no request"
    elif why is not None and not why.ask:
        note = "NGINX refused the hand-off: there was no request"
    if note or isinstance(origin, LocalOrigin):
        seen.problem = note or "NGINX reads a file of the directory: there is no request"
        yield _hop("NGINX", receiver, seen, [], []), seen
        return
    own = not {"Xaccel-Etag", "Xaccel-Last-Modified"}.isdisjoint(handed)
    names = () if "Xaccel-Cache-Key" in handed else ("Range",) if own else ("Range", *_CONDITIONS)
    passed = {each: value for each, value in door.sent if each.title() in names}
    fixed = origin.request_headers if isinstance(origin, HTTPOrigin) else {}
    first = Request(url, headers={**passed, **fixed}, method=method)  # noqa: S310
    found = ask_origin(origin, first, passed, f"xaccel t={handed['Xaccel-Id'][:23]}")
    for index, seen in enumerate(found):
        kept = {each.lower() for each, _ in seen.sent}
        request = _compared(seen.sent, door.sent, "added", lambda _: "NGINX")
        request += _plain([pair for pair in door.sent if pair[0].lower() not in kept], "dropped by NGINX")
        response = _compared(seen.came, door.came if seen is found[-1] else (), "dropped", lambda _: "NGINX")
        hop = _hop("NGINX", f"redirect {index}" if index else receiver, seen, request, response)
        yield {**hop, "asked_separately": True}, seen


def _hop(sender: str, receiver: str, seen: Seen, request: Headers, response: Headers) -> Hop:
    return {
        "from": sender,
        "to": receiver,
        "asked_separately": False,
        "at": seen.at.isoformat(),
        "method": seen.method,
        "url": seen.url,
        "request_headers": request,
        "status": seen.status or None,
        "response_headers": response,
        "body_bytes": seen.body_bytes,
        "seconds": {name: round(value, 6) for name, value in seen.seconds.items()},
        "note": seen.problem,
    }


def _plain(pairs: Iterable[tuple[str, str]], fate: str = "") -> Headers:
    return [{"name": name, "value": value, "fate": fate} for name, value in pairs]


def _compared(pairs: Pairs, others: Pairs, missing: str, by: Callable[[str], str]) -> Headers:
    """Compare headers with those on the other side of a hop; `missing` is the fate of those that are not there."""
    values: dict[str, list[str]] = {}
    for name, value in others:
        # The cookies of the app and of the origin have nothing to do with each other.
        if name.lower() != "set-cookie":
            values.setdefault(name.lower(), []).append(value)
    compared = []
    for name, value in pairs:
        there = values.get(name.lower(), [])
        fate = "kept" if value in there else "replaced" if there else missing
        compared.append({"name": name, "value": value, "fate": f"{fate} by {by(name)}"})
    return compared


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def _entry(log: Path, size: int, mark: str) -> dict[str, Any]:
    """Wait for the log entry with a text, behind `size` bytes unless the log was rotated. It is empty without one."""
    end = time.monotonic() + _ENTRY_S
    while time.monotonic() < end:
        with suppress(OSError), log.open("rb") as file:
            file.seek(size if size <= _size(log) else 0)
            for line in file:
                if mark.encode() in line and line.endswith(b"\n"):
                    found: dict[str, Any] = json.loads(line)
                    return found
        time.sleep(0.05)
    return {}


def _end(entry: Mapping[str, Any], door: Seen) -> str:
    why = entry.get("why", "not_logged")
    if why == "":
        return "sent" if entry["completion"] == "OK" and not door.problem else "client_or_nginx"
    return why if why in END_REASONS else "origin_status"

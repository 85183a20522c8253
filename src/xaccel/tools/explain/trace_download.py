"""Trace one download: each hop, and which header was added, kept, replaced or dropped there, and by whom."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from xaccel.errors import OptionRefused
from xaccel.handoff.headers import public_name
from xaccel.handoff.trace_key import make_key, report_of, seal
from xaccel.http_client.exchange import Exchange, Pairs, address_of, fetch
from xaccel.http_client.origin import ask_origin
from xaccel.site import Site
from xaccel.site.origins import LocalOrigin
from xaccel.site.protocol import (
    CACHE_KEY_HEADER,
    ETAG_HEADER,
    ID_HEADER,
    LAST_MODIFIED_HEADER,
    METHOD_HEADER,
    REDIRECT_HEADER,
    TRACE_COOKIE,
    TRACE_HEADER,
    URL_HEADER,
)
from xaccel.site.rules import authority_ok, is_server
from xaccel.site.transfer_log import CACHED
from xaccel.tools.explain.why import TRACE_ENDS, WHY, end_of, new_entry

END_REASONS = {**TRACE_ENDS, **{name: why.cause for name, why in WHY.items()}}
"""Why a traced download ended, and what it means. No trace ends with another reason."""

NGINX_PAGE = re.compile(rb"<center>(?:nginx|openresty|angie|freenginx)\b")
"""In each page that NGINX makes itself."""
_URL = re.compile(r"https?://([^/?#@]+)(?:[/?#][!-~]*)?")
_CONDITIONS = ("If-None-Match", "If-Modified-Since", "If-Range", "If-Match", "If-Unmodified-Since")

Hop = dict[str, Any]
Headers = list[dict[str, str]]


def trace(
    site: Site, url: str, method: str, headers: Pairs, log: Path, *, connect_to: str, ca_file: str | None
) -> dict[str, Any]:
    """Request a download with a key, then send the requests to its origin that NGINX sent.

    The result is not masked yet. Raises OptionRefused for an invalid URL, and XaccelError without
    cryptography.
    """
    place = _URL.fullmatch(url)
    if place is None or not authority_ok(place[1]):
        remedy = "Write the whole URL as your users have it, such as https://example.org/files/42."
        raise OptionRefused("this is not the URL of a download", where="URL", remedy=remedy)
    if connect_to and not is_server(connect_to):
        remedy = "Write it like 127.0.0.1:8080."
        raise OptionRefused(f"{connect_to!r} is no address", where="--connect", remedy=remedy)
    seal(site.secrets[0], {})  # without cryptography it raises before the download is made
    log_end = end_of(log) or 0
    parent = next((value for name, value in headers if name.lower() == "traceparent"), "")
    if not parent:
        parent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
        headers = (*headers, ("traceparent", parent))
    sent = (*headers, (TRACE_HEADER, make_key(site.secrets[0], method, url)))
    hop = fetch(url, method, sent, [address_of(connect_to)] if connect_to else [], ca_file=ca_file)
    report = report_of(site, [value for name, value in hop.came if name.lower() == "set-cookie"])
    entry: dict[str, Any] = {}
    if hop.status and (report is None or report["status"] == 200):
        entry = new_entry(log, log_end, report["transfer_id"] if report else parent)
    end = _end(report, entry, hop, has_log=log.is_file())
    return {
        "schema_version": 1,
        "end": end,
        "meaning": END_REASONS[end],
        "single_use": report["single_use"] if report else "",
        "grant": report.get("grant", "") if report else "",
        "log_entry": entry,
        "hops": list(_hops(site, report, entry, hop)),
    }


def _end(report: Mapping[str, Any] | None, entry: Mapping[str, Any], hop: Exchange, *, has_log: bool) -> str:
    why = str(entry.get("why", "not_logged"))
    if report is None:
        if entry:
            return why if why in ("forged", "no_id") else "key_refused"
        return _end_without_transfer(hop, has_log=has_log)
    if report["status"] != 200:  # the app responded to a condition
        return "sent"
    if why == "":
        return "sent" if entry.get("completion") == "OK" and not hop.problem else "client_or_nginx"
    return why if why in END_REASONS else "origin_status"


def _end_without_transfer(hop: Exchange, *, has_log: bool) -> str:
    if not hop.status:
        return "not_connected"
    if NGINX_PAGE.search(hop.body):
        return "no_response" if hop.status in (502, 504) else "nginx"
    return "app" if has_log or hop.status >= 300 else "not_logged"


def _hops(
    site: Site, report: Mapping[str, Any] | None, entry: Mapping[str, Any], hop: Exchange
) -> Iterator[Hop]:
    if report is None:
        yield _hop("client", "NGINX", hop, _plain(hop.sent), _plain(hop.came))
        return
    handed = tuple(map(tuple, report["headers"]))
    asked = _ask_origin(site, report["origin"], dict(handed), hop, entry) if report["status"] == 200 else []
    visible = {(public_name(name) or "").lower(): value for name, value in handed}
    apps = {
        name for name, value in hop.came if visible.get(name.lower()) == value or name.lower() == "set-cookie"
    }
    came = tuple(pair for pair in hop.came if not pair[1].startswith(f"{TRACE_COOKIE}="))
    response = _compared(came, asked[-1].came if asked else (), "added", apps)
    yield _hop("client", "NGINX", hop, _plain(hop.sent), response)
    app = Exchange(method=hop.method, url=hop.url, sent=hop.sent, status=report["status"])
    yield _hop("NGINX", "app", app, _plain(hop.sent), _plain(handed, "used by NGINX"))
    for index, seen in enumerate(asked):
        receiver = f"redirect {index}" if index else f"origin {report['origin']}"
        names = {name.lower() for name, _ in seen.sent}
        lost = [pair for pair in hop.sent if seen.sent and pair[0].lower() not in names]
        request = [*_compared(seen.sent, hop.sent, "added"), *_plain(lost, "dropped by NGINX")]
        response = _compared(seen.came, hop.came if seen is asked[-1] else (), "dropped")
        yield {**_hop("NGINX", receiver, seen, request, response), "asked_separately": bool(seen.sent)}


def _ask_origin(
    site: Site, name: str, handed: Mapping[str, str], hop: Exchange, entry: Mapping[str, Any]
) -> list[Exchange]:
    """Send the request to the origin, and one for each redirect. Where NGINX sent none, `problem` says why."""
    origin, why = site.origin(name), WHY.get(entry.get("why", ""))
    url, method = handed.get(URL_HEADER, handed[REDIRECT_HEADER]), handed.get(METHOD_HEADER, "GET")
    note = ""
    if entry.get("cache") in CACHED:
        note = f"NGINX sent the file from its cache ({entry['cache']}): there was no request"
    elif why is not None and not why.ask:
        note = "NGINX refused the hand-off: there was no request"
    if note or isinstance(origin, LocalOrigin):
        note = note or "NGINX reads a file of the directory: there is no request"
        return [Exchange(method=method, url=url, sent=(), problem=note)]
    is_validated = not {ETAG_HEADER, LAST_MODIFIED_HEADER}.isdisjoint(handed)
    names = () if CACHE_KEY_HEADER in handed else ("Range", *(() if is_validated else _CONDITIONS))
    passed = {each: value for each, value in hop.sent if each.title() in names}
    own = {"User-Agent": f"xaccel t={handed[ID_HEADER][:23]}"}
    return ask_origin(origin, url, passed, own, method=method)


def _hop(sender: str, receiver: str, seen: Exchange, request: Headers, response: Headers) -> Hop:
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


def _compared(pairs: Pairs, others: Pairs, missing: str, apps: Collection[str] = ()) -> Headers:
    """Compare headers with those on the other side of a hop.

    missing: the fate of a header that the other side lacks. apps: the names of headers that the app sent.
    """
    compared: Headers = []
    for name, value in pairs:
        # The cookies of the app and of the origin have nothing to do with each other.
        is_own = name.lower() == "set-cookie"
        there = [] if is_own else [other for each, other in others if each.lower() == name.lower()]
        fate = "kept" if value in there else "replaced" if there else missing
        compared += _plain([(name, value)], f"{fate} by {'app' if name in apps else 'NGINX'}")
    return compared

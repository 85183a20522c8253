"""What each `why` of a log entry means and what to do: one table for `xaccel explain` and the documentation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Why:
    """One reason. ask: whether the storage can have caused it, so that its state now helps."""

    cause: str
    remedy: str
    ask: bool = True


_GENERATE = "Generate the NGINX configuration again with `xaccel config`, and reload NGINX."
_FRAMING = "The storage must send Content-Length or chunks. Look at its response with `curl --verbose`."

LEFT = Why(
    "The client or NGINX ended the transfer before everything was sent: NGINX does not tell which. The client went"
    " away, NGINX was stopped or `worker_shutdown_timeout` passed after a reload, or a disk was full.",
    "Mostly the user has cancelled the download. If it happens often, compare the times with reloads of NGINX and with"
    " the free space of the cache's disk.",
    ask=False,
)

WHY: Mapping[str, Why] = {
    "forged": Why(
        "The hand-off does not carry the site's secret, so NGINX refused it. The user got 404.",
        f"The app and the NGINX configuration have different secrets. {_GENERATE} If another app behind this NGINX sent"
        " the hand-off, give each app its own NAME.",
        ask=False,
    ),
    "no_id": Why(
        "The hand-off has no valid transfer id, so NGINX refused it. The user got 404.",
        "Look for a proxy or a middleware that removes or changes the header Xaccel-Id, and use one version of xaccel"
        " for the app and for `xaccel config`.",
        ask=False,
    ),
    "subrequest": Why(
        "A subrequest of NGINX (mirror, SSI, auth_request, addition) requested the download, so NGINX refused it."
        " The user got 404 for it.",
        "Let the client request the download itself, for example with a link or an `<img>` in the page.",
        ask=False,
    ),
    "url_refused": Why(
        "The URL does not lie at the origin that NGINX knows, or cannot be sent as it is. The user got 502.",
        f"The app's endpoint or base URL is not the one in the NGINX configuration. {_GENERATE}",
        ask=False,
    ),
    "redirect_refused": Why(
        "The origin redirected to a host that is not allowed, or to an invalid URL. The user got 502.",
        "Look where it leads with `curl --head`. If you trust that host, add it to `redirect_hosts`, generate the NGINX"
        " configuration again and reload NGINX.",
    ),
    "redirect_without_location": Why(
        "The origin redirected without a Location header. The user got 502.",
        "Report it to those who run the origin.",
    ),
    "too_many_redirects": Why(
        "The origin redirected more than four times. The user got 502.",
        "Give the URL that the redirects lead to as the origin's URL.",
    ),
    "wrong_region": Why(
        "S3 named another region for the bucket. The user got 502.",
        "Set `region` of the origin. `manage.py check --deploy` asks each bucket for its region. Then generate the"
        " NGINX configuration again and reload NGINX.",
    ),
    "limited": Why(
        "The user has more transfers at once than CONCURRENCY allows. The user got 429.",
        "A browser that seeks in a video opens several transfers: raise CONCURRENCY, or send such files with another"
        " class of it.",
        ask=False,
    ),
    "origin_timeout": Why(
        "The origin did not respond in time: 5 seconds to connect, 30 seconds between two reads. The user got 504.",
        "Look at the origin's load, and at firewalls between NGINX and the origin.",
    ),
    "origin_failed": Why(
        "NGINX could not connect to the origin, the origin broke the connection, or its certificate was not accepted."
        " The user got 502.",
        "Try from NGINX's machine: `curl --verbose` with the origin's URL. A private certificate authority needs"
        " `ca_file`. For an https origin named by its IP address, NGINX accepts a certificate only if it has the"
        " address as a DNS name or common name: put a name of the certificate into the URL, and the address into"
        " `connect_to`.",
    ),
    "origin_cut": Why(
        "The origin ended the body before the length it had announced. The user's transfer was broken off.",
        "The client can resume. If it happens often, look at the origin's log, and at proxies before it.",
    ),
    "slice_failed": Why(
        "A later slice of a cached object failed, or belonged to another version of the object. The transfer was cut.",
        "Give the object's version as `cache_version` or `version_id`, and look at the origin's log for that time.",
    ),
    "cache_failed": Why(
        "A cached response could not be written, mostly because the cache's disk is full. The transfer was cut. Rarely,"
        " the client left and then the origin broke off.",
        "Free space on the cache's disk, or lower `max_size` or raise `min_free` of CACHE.",
        ask=False,
    ),
    "size_differs": Why(
        "The object has another length than the `size` that the app gave. With njs the user got no response.",
        "The object was replaced, or the app's record is wrong: correct the record, or give no `size`.",
    ),
    "not_http": Why(
        "The origin did not respond in HTTP. `status` is 009.",
        "Look whether host, port and scheme of the origin's URL are right: a TLS port spoken to in plain HTTP responds"
        " like this.",
    ),
    "unframed": Why(
        "Nothing marks the end of the body: the origin gave no length and no chunks, or it gave chunks to a client of"
        " HTTP/1.0.",
        _FRAMING,
    ),
    "unasked_part": Why(
        "The origin responded with 206 to a request without a Range.",
        "Report it to those who run the origin, or look for a cache between NGINX and the origin.",
    ),
    "bad_part": Why(
        "The origin responded with 206, and its Content-Range does not say which part.",
        "Report it to those who run the origin, or look for a proxy that removes Content-Range.",
    ),
    "client_left": Why(
        "The client left before a byte was sent, mostly while the app decided. `status` is 499, or 418 or 200"
        " where NGINX noticed it later; the audit trail stores 499.",
        "Nothing is wrong: browsers and download managers do this. If many users leave, look how long the app"
        " takes to respond.",
        ask=False,
    ),
    "origin_401": Why(
        "The origin wants other credentials. The user got 502.",
        "Look at `request_headers` of the origin, and generate the NGINX configuration again after a change.",
    ),
    "origin_403": Why(
        "The storage refused the signature or the credentials. The user got 502, or 404 with `treat_403_as_404`.",
        "Look at the storage's own code below. Compare the clocks of the app and the storage too.",
    ),
    "origin_404": Why(
        "The storage has no such object. The user got 404.",
        "Compare the key with the name in the storage, byte for byte: a key is not percent-encoded.",
    ),
    "origin_410": Why(
        "The origin says that the object is gone. The user got 404.", "Delete the app's record."
    ),
    "origin_412": Why(
        "The object is not the version that the client's condition names. The user got 412.",
        "Nothing is wrong: the client asked for a version that was replaced.",
    ),
    "origin_416": Why(
        "The client asked for a part behind the object's end. The user got 416.",
        "Nothing is wrong, unless the object is shorter than it should be.",
    ),
    "origin_429": Why(
        "The storage limits the number of requests. The user got 503.",
        "Spread the requests, or let NGINX cache.",
    ),
    "origin_503": Why(
        "The storage is overloaded or down for maintenance. The user got 503.",
        "Look at the storage's status. Cached objects are still delivered.",
    ),
    "origin_504": Why(
        "A gateway before the storage got no response in time. The user got 504.",
        "Look at the storage's load and at the gateway.",
    ),
    "client_or_nginx": LEFT,
}
"""By `why`; for another status of the origin see ANY_STATUS."""

ANY_STATUS = Why(
    "The origin responded with this status, which no file has.",
    "Look the status up in the storage's documentation, and the response with `curl --verbose`.",
)
"""For `origin_` and any status that WHY does not have."""

ALL_SENT = Why("NGINX sent everything.", "Nothing is wrong.", ask=False)


def why_of(entry: Mapping[str, Any]) -> Why | None:
    """Return what the `why` of a log entry means; None for a value that this version does not know."""
    why = entry.get("why", "")
    if why == "":
        return ALL_SENT if entry.get("completion") == "OK" else LEFT
    if isinstance(why, str) and re.fullmatch("origin_[0-9]{3}", why):
        return WHY.get(why, ANY_STATUS)
    return WHY.get(why)

"""Build the hand-off, the app's empty response that names the file for NGINX. Pure: no I/O, framework or clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from mimetypes import MimeTypes
from typing import TYPE_CHECKING

from xaccel.errors import HeaderRefused, OptionRefused
from xaccel.events import DownloadEvent, object_name
from xaccel.handoff.disposition import content_disposition, name_of_key, safe_name
from xaccel.handoff.headers import (
    DEFAULT_CACHE_CONTROL,
    PARAMETERS,
    cache_control,
    decision_note,
    default_policy,
    etag_header,
    last_modified_header,
    limit_headers,
    require_header_value,
    require_number,
)
from xaccel.handoff.identifiers import cache_key, version_query
from xaccel.handoff.objects import Located
from xaccel.options import Options
from xaccel.signing.signer import MARGIN_S, S3Signer, choose_life
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin
from xaccel.site.protocol import (
    AUTH_HEADER,
    CACHE_KEY_HEADER,
    CSP_HEADER,
    DECLARED_START,
    ID_HEADER,
    METHOD_HEADER,
    NOTE_HEADER,
    PRIVATE_NAMES,
    REDIRECT_HEADER,
    SIZE_HEADER,
    SLICES_HEADER,
    SUBJECT_HEADER,
    URL_HEADER,
)
from xaccel.site.rules import MAX_EXPIRES_S
from xaccel.site.url_query import recorded_query

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

_TYPE = re.compile(rf"[A-Za-z0-9!#$&^_.+-]{{1,127}}/[A-Za-z0-9!#$&^_.+-]{{1,127}}{PARAMETERS}")
_TYPES = MimeTypes()
_ENCODED_TYPES = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


# Not frozen, as Located.
@dataclass(slots=True, kw_only=True)
class HandOff:
    """The app's response, and what it decided.

    status, headers: the whole response; its body is empty.
    visible_headers: what the user will see on a 200, as far as the app knows.
    event: the decision, as it is recorded.
    target: the URL, or for a directory the path, that is fetched. It has the signature: never show or log it.
    request_headers: further headers for the origin.
    grant_s: seconds for which it stays valid, if the call lets NGINX remember it; else 0.
    """

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    visible_headers: tuple[tuple[str, str], ...]
    event: DownloadEvent
    target: str = field(repr=False)
    request_headers: Mapping[str, str] = field(repr=False)
    status: int = 200
    grant_s: int = 0


# Not frozen, as Located.
@dataclass(slots=True, kw_only=True)
class Signing:
    """The time and id of one hand-off, and for an S3 origin the signer.

    now: aware. is_valid_for: whether the credentials are known to be valid for this number of seconds; None: not known.
    """

    now: datetime
    transfer_id: str
    signer: S3Signer | None = None
    credentials: ReadOnlyCredentials | None = field(default=None, repr=False)
    is_valid_for: Callable[[int], bool] | None = None


def make_handoff(site: Site, located: Located, options: Options, signing: Signing) -> HandOff:
    """Decide everything about one transfer.

    Raises InputRefused, one of its kinds, for whatever cannot be sent; nothing was sent then.
    """
    place, key = located.place, located.key
    filename = safe_name(options.filename) if options.filename else name_of_key(key)
    disposition = content_disposition(filename, as_attachment=options.as_attachment)
    shown = _visible(options, located, disposition)
    declared = _declared(site, options) if options.headers else []
    private = [*_private(options, shown), *limit_headers(site, options)]
    target, request = _request(site, located, options, signing)
    policy = options.content_security_policy or default_policy(shown.get("Content-Type", ""))
    query = ""
    if located.by_url:
        query = recorded_query(place.origin, located.target, site.recorded_parameters, site.secrets[0])
    version = options.cache_version or options.version_id or shown.get("ETag", "")
    if site.log_decisions:
        note = decision_note(
            key=object_name(place.bucket, key),
            filename=filename,
            version=version,
            query=query,
            reason=options.reason,
            as_attachment="1" if options.as_attachment else "",
        )
        private.append((NOTE_HEADER, note))
    return HandOff(
        headers=(
            (REDIRECT_HEADER, located.entry),
            (AUTH_HEADER, site.secrets[0]),
            (ID_HEADER, signing.transfer_id),
            *request,
            *private,
            *[(f"{DECLARED_START}{name}", value) for name, value in declared],
        ),
        visible_headers=(
            *shown.items(),
            ("Content-Security-Policy", policy),
            ("X-Content-Type-Options", "nosniff"),
            *declared,
        ),
        event=DownloadEvent(
            transfer_id=signing.transfer_id,
            allowed=True,
            origin=place.name,
            bucket=place.bucket,
            key=key,
            method=located.method,
            subject=options.subject,
            filename=filename,
            as_attachment=options.as_attachment,
            version=version,
            reason=options.reason,
            size=options.size,
            query=query,
            at=signing.now,
        ),
        target=target,
        grant_s=_grant_s(place.origin, options, signing) if options.grant else 0,
        request_headers=place.origin.request_headers if isinstance(place.origin, HTTPOrigin) else {},
    )


def _request(
    site: Site, located: Located, options: Options, signing: Signing
) -> tuple[str, list[tuple[str, str]]]:
    """Return the signed URL that NGINX requests, and the private headers for it; for a directory the path alone."""
    origin, target, signer = located.place.origin, located.target, signing.signer
    query = version_query(origin, options.version_id) if options.version_id else ""
    if isinstance(origin, LocalOrigin):
        return target, []
    cached: list[tuple[str, str]] = []
    if located.version:
        key = cache_key(site.name, located.place.name, located.cache_name, located.version)
        life = choose_life(origin, options, site.cache, signing.is_valid_for, limit_rate=site.limit_rate)
        cached = [(CACHE_KEY_HEADER, key), *([(SLICES_HEADER, "1")] if life.slices else [])]
        if signer is not None and life.expires_s != signer.expires_s:
            signer = signer._replace(expires_s=life.expires_s)
    target += query
    if signer is not None and options.grant:  # valid at the last use
        signer = signer._replace(expires_s=min(signer.expires_s + options.grant, MAX_EXPIRES_S))
    if signer is not None and signing.credentials is not None:
        target = signer.sign(target, located.request_method, signing.credentials, signing.now)
    # Headers with NGINX's default value are omitted: each header costs the app server time.
    method = [(METHOD_HEADER, "HEAD")] if located.request_method == "HEAD" else []
    return target, [(URL_HEADER, target), *method, *cached]


def _grant_s(origin: Origin, options: Options, signing: Signing) -> int:
    """Return the seconds of the option, or 0 if the credentials may end earlier.

    Raises OptionRefused if a URL that the app signs may.
    """
    seconds = options.grant or 0
    if isinstance(origin, HTTPOrigin) and (origin.expires_s or seconds + 1) <= seconds:
        what = f"the URLs of the origin are valid for {origin.expires_s} seconds"
        raise OptionRefused(
            what, where="grant", remedy="Give less, or sign for longer and raise `expires_s`."
        )
    is_long_enough = signing.is_valid_for is None or signing.is_valid_for(seconds + MARGIN_S)
    return seconds if is_long_enough else 0


def _visible(options: Options, located: Located, disposition: str) -> dict[str, str]:
    shown = {"Content-Disposition": disposition, "Cache-Control": DEFAULT_CACHE_CONTROL}
    content_type = options.content_type or None
    if content_type is None and isinstance(located.place.origin, LocalOrigin):
        content_type = _type_of_key(located.key)
    if content_type is not None:
        if not _TYPE.fullmatch(content_type) or content_type.lower().startswith("multipart/"):
            remedy = (
                'Write it like "application/pdf", or "video/mp4; codecs="avc1, mp4a"": commas only in quotes.'
            )
            what = f"{content_type!r} is not one media type"
            raise OptionRefused(what, where="content_type", remedy=remedy)
        shown = {"Content-Type": require_header_value(content_type, "content_type"), **shown}
    if options.cache_control:
        shown["Cache-Control"] = cache_control(
            options.cache_control, allow_shared_cache=options.allow_shared_cache
        )
    if options.etag:
        shown["ETag"] = etag_header(options.etag)
    if options.last_modified is not None:
        shown["Last-Modified"] = last_modified_header(options.last_modified)
    return shown


def _type_of_key(key: str) -> str:
    """The "/" keeps mimetypes from reading a key such as "data:text/html,x.pdf" as a URL."""
    guessed, encoding = _TYPES.guess_type(f"/{key}")
    if encoding is not None:
        return _ENCODED_TYPES.get(encoding, "application/octet-stream")
    return guessed or "application/octet-stream"


def _private(options: Options, shown: Mapping[str, str]) -> list[tuple[str, str]]:
    headers = [
        (PRIVATE_NAMES[name], value)
        for name, value in shown.items()
        if name != "Cache-Control" or value != DEFAULT_CACHE_CONTROL
    ]
    for name, option in ((CSP_HEADER, "content_security_policy"), (SUBJECT_HEADER, "subject")):
        if value := getattr(options, option):
            headers.append((name, require_header_value(value, option)))
    if options.size is not None:
        headers.append((SIZE_HEADER, require_number(options.size, "size", 0)))
    return headers


def _declared(site: Site, options: Options) -> list[tuple[str, str]]:
    declared = {name.lower(): name for name in site.response_headers}
    headers: dict[str, str] = {}
    for name, value in options.headers.items():
        own_name = declared.get(name.lower())
        if own_name is None:
            remedy = "Add it to RESPONSE_HEADERS, generate the NGINX configuration again and reload NGINX."
            raise HeaderRefused(f"the site does not declare {name!r}", where="headers", remedy=remedy)
        if own_name in headers:
            raise HeaderRefused(f"{name!r} is given twice", where="headers", remedy="Give each name once.")
        headers[own_name] = require_header_value(value, f"headers[{name!r}]")
    return list(headers.items())

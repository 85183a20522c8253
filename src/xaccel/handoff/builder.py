"""The hand-off: the app's empty answer that tells NGINX what to send. Pure: no I/O, no framework, no clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from mimetypes import MimeTypes
from typing import TYPE_CHECKING

from xaccel import urls
from xaccel.errors import HeaderRefused, OptionRefused
from xaccel.handoff.cache_control import DEFAULT as DEFAULT_CACHE_CONTROL
from xaccel.handoff.cache_control import cache_control
from xaccel.handoff.cache_key import cache_key
from xaccel.handoff.content_security import PARAMETERS, default_policy
from xaccel.handoff.disposition import content_disposition, name_of_key, safe_name
from xaccel.handoff.limits import limit_headers
from xaccel.handoff.validators import etag_header, last_modified_header
from xaccel.handoff.version_id import version_query, whole_version
from xaccel.handoff.visible_headers import CSP, DECLARED, PRIVATE_NAMES
from xaccel.options import Options
from xaccel.signing.endpoint import Endpoint, S3Signer
from xaccel.signing.life import choose_life
from xaccel.site import Site
from xaccel.site.buckets import bucket_named, covers_many, is_place_of
from xaccel.site.header_rules import require_header_value, require_number
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, RemoteOrigin, S3Origin
from xaccel.site.url_query import recorded_query

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

_TYPE = re.compile(rf"[A-Za-z0-9!#$&^_.+-]{{1,127}}/[A-Za-z0-9!#$&^_.+-]{{1,127}}{PARAMETERS}")
_TYPES = MimeTypes()
_ENCODED_TYPES = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOff:
    """What the app answers, and what it decided.

    status, headers: the app's whole answer; its body is empty.
    visible_headers: what the user will see on a 200, as far as the app knows: for a 304 that the app answers, and for
        sending without NGINX.
    bucket: which one, where the origin covers many; else "".
    target: the URL, or for a directory the path, that is fetched. It holds the signature: never show or log it.
    request_headers: what the origin gets beside it.
    query: of a stored URL, what is recorded of its query.
    """

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    visible_headers: tuple[tuple[str, str], ...]
    transfer_id: str
    origin: str
    key: str
    method: str
    subject: str
    filename: str
    as_attachment: bool
    version: str
    size: int | None
    query: str
    target: str = field(repr=False)
    request_headers: Mapping[str, str] = field(repr=False)
    bucket: str = ""
    status: int = 200


def make_handoff(
    site: Site,
    origin_name: str,
    key: str,
    options: Options,
    *,
    method: str,
    endpoint: Endpoint | None,
    signer: S3Signer | None,
    credentials: ReadOnlyCredentials | None,
    lasts: Callable[[int], bool] | None = None,
    now: datetime,
    transfer_id: str,
    url: str | None = None,
    url_method: str | None = None,
    origin: Origin | None = None,
    bucket: str | None = None,
) -> HandOff:
    """Decide everything about one transfer.

    `key` is the object key as the store has it; with `url` (which lies below the origin's base, byte for byte what
    is asked for) it only names the file; `url_method` is the method that the URL is for, where it is for one. `origin`
    stands in for the site's own of that name. `method` other than HEAD means GET. `endpoint`, `signer` and
    `credentials` belong to an S3 origin, `bucket` to one of many buckets, whose endpoint is then the bucket's.
    `lasts` tells whether the credentials are known to live so many seconds more. `now` is aware.

    Raises InputRefused, one of its kinds, for whatever cannot be sent; nothing was sent then.
    """
    configured = site.origin(origin_name)
    origin = origin or configured
    bucket = bucket_named(origin, bucket)
    version = version_query(origin, options.version_id)
    cache_version = whole_version(options.cache_version, options.version_id)
    cached = is_kept(origin, options)
    asked = url_method or method_asked(origin, options, method)
    entry = f"{site.internal_prefix}{origin_name}"
    if isinstance(origin, LocalOrigin):
        entry = f"{entry}/{urls.quote_key(key, dots=False, directory=True)}"
        where = f"{origin.root.rstrip('/')}/{key}"
    elif url is None and is_signed_by_the_app(origin):
        raise OptionRefused(
            f"the URLs of origin {origin_name!r} are signed by the app, and none was given",
            where="url",
            remedy="Pass url=; in Django a file, or a key of an origin that names its STORAGE.",
        )
    else:
        where = remote_target(origin, bucket, key, url, endpoint)
    filename = safe_name(options.filename) if options.filename else name_of_key(key)
    shown = _visible(options, origin, key, filename)
    private = [*_private(options, shown), *limit_headers(site, options)]
    extra = _extra(site, options)
    own: list[tuple[str, str]] = []
    if not isinstance(origin, LocalOrigin):
        life = choose_life(
            origin,
            options,
            site.cache if cached else None,
            lasts or _unknown,
            limit_rate=site.limit_rate,
        )
        if cached:
            name = object_name(origin, where)
            own.append(("Xaccel-Cache-Key", cache_key(site.name, origin_name, name, cache_version)))
            if life.slices:
                own.append(("Xaccel-Slices", "1"))
        where += version
        if isinstance(origin, S3Origin) and signer is not None and credentials is not None:
            if life.expires_s != signer.expires_s:
                signer = replace(signer, expires_s=life.expires_s)
            where = signer.sign(where, asked, credentials, now)
        # What NGINX takes for granted is not said: each header costs the app server its time.
        own = [("Xaccel-Url", where), *([("Xaccel-Method", "HEAD")] if asked == "HEAD" else []), *own]
    return HandOff(
        headers=(
            ("X-Accel-Redirect", entry),
            ("Xaccel-Auth", site.secrets[0]),
            ("Xaccel-Id", transfer_id),
            *own,
            *private,
            *((f"{DECLARED}{name}", value) for name, value in extra),
        ),
        visible_headers=(
            *shown.items(),
            (
                "Content-Security-Policy",
                options.content_security_policy or default_policy(shown.get("Content-Type", "")),
            ),
            ("X-Content-Type-Options", "nosniff"),
            *extra,
        ),
        transfer_id=transfer_id,
        origin=origin_name,
        bucket=bucket if covers_many(configured) else "",
        key=key,
        method="HEAD" if method == "HEAD" else "GET",
        subject=options.subject,
        filename=filename,
        as_attachment=options.as_attachment,
        version=options.cache_version or options.version_id or shown.get("ETag", ""),
        size=options.size,
        query=recorded_query(site, origin, url),
        target=where,
        request_headers=origin.request_headers if isinstance(origin, HTTPOrigin) else {},
    )


def _unknown(_: int) -> bool:
    return False


def is_signed_by_the_app(origin: Origin) -> bool:
    """Tell whether the app makes the URLs of `origin`, each with a signature in its query."""
    return isinstance(origin, HTTPOrigin) and origin.expires_s is not None


def is_kept(origin: Origin, options: Options) -> bool:
    """Tell whether the answer is for the cache."""
    cache_version = whole_version(options.cache_version, options.version_id)
    return not isinstance(origin, LocalOrigin) and origin.cache and bool(cache_version)


def method_asked(origin: Origin, options: Options, method: str) -> str:
    """Return what NGINX asks `origin` with: HEAD for a HEAD, but GET where the answer is to be kept."""
    return "HEAD" if method == "HEAD" and not is_kept(origin, options) else "GET"


def object_name(origin: Origin, url: str) -> str:
    """Return what names the object in the cache: the URL, but without a signature that changes."""
    return urls.object_url(url) if is_signed_by_the_app(origin) else url


def remote_target(
    origin: RemoteOrigin, bucket: str, key: str, url: str | None, endpoint: Endpoint | None
) -> str:
    """Return the unsigned URL of an object: `url` as it is, else the one that `key` makes.

    Raises KeyRefused, and OptionRefused where an S3 origin has no endpoint, or one of another bucket.
    """
    if url is not None:
        return url
    if isinstance(origin, HTTPOrigin):
        return urls.canonical_base(origin.base_url) + urls.quote_key(key, dots=False)
    if endpoint is None:
        raise OptionRefused(
            "an S3 origin has no endpoint",
            where="endpoint",
            remedy="Pass what signing.resolve_endpoint returned.",
        )
    if origin.prefix:  # which must not make a key of what is none
        urls.quote_key(key, dots=not endpoint.path_style)
    if bucket != origin.bucket and not is_place_of(endpoint.base_url, bucket):
        raise OptionRefused(
            f"the endpoint is not the one of the bucket {bucket!r}",
            where="endpoint",
            remedy="Pass what signing.resolve_endpoint returned for origin and bucket.",
        )
    return endpoint.base_url + urls.quote_key(origin.prefix + key, dots=not endpoint.path_style)


def _visible(options: Options, origin: Origin, key: str, filename: str) -> dict[str, str]:
    shown: dict[str, str] = {}
    content_type = options.content_type or None
    if content_type is None and isinstance(origin, LocalOrigin):
        content_type = _type_of_key(key)
    if content_type is not None:
        if not _TYPE.fullmatch(content_type) or content_type.lower().startswith("multipart/"):
            raise OptionRefused(
                f"{content_type!r} is not one media type",
                where="content_type",
                remedy='Write it like "application/pdf", or "video/mp4; codecs="avc1, mp4a"": commas only in quotes.',
            )
        shown["Content-Type"] = require_header_value(content_type, "content_type")
    shown["Content-Disposition"] = content_disposition(filename, as_attachment=options.as_attachment)
    shown["Cache-Control"] = cache_control(
        options.cache_control or None, allow_shared_cache=options.allow_shared_cache
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
    if options.content_security_policy:
        headers.append(
            (CSP, require_header_value(options.content_security_policy, "content_security_policy"))
        )
    if options.subject:
        headers.append(("Xaccel-Subject", require_header_value(options.subject, "subject")))
    if options.size is not None:
        headers.append(("Xaccel-Size", require_number(options.size, "size", 0)))
    return headers


def _extra(site: Site, options: Options) -> list[tuple[str, str]]:
    if not options.headers:
        return []
    declared = {name.lower(): name for name in site.response_headers}
    headers: dict[str, str] = {}
    for name, value in options.headers.items():
        if name.lower() not in declared:
            raise HeaderRefused(
                f"the site does not declare {name!r}",
                where="headers",
                remedy='Add it to XACCEL["RESPONSE_HEADERS"], print the NGINX text again and reload NGINX.',
            )
        own_name = declared[name.lower()]
        if own_name in headers:
            raise HeaderRefused(f"{name!r} stands twice", where="headers", remedy="Give each name once.")
        headers[own_name] = require_header_value(value, f"headers[{name!r}]")
    return list(headers.items())

"""Find where the objects of a site are: the origin of a stored URL or of a storage's place, the URL of a key."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from xaccel import urls
from xaccel.errors import OriginNotAllowed
from xaccel.handoff.objects import Located, Method, ObjectRef, Place
from xaccel.options import DEFAULTS, Options
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site import Site
from xaccel.site.origins import (
    CREDENTIALS,
    PLACE,
    HTTPOrigin,
    LocalOrigin,
    Origin,
    S3Origin,
    bucket_named,
    covers,
    covers_many,
    expression,
)


def base_url(origin: Origin, bucket: str | None = None) -> str:
    """Return where `origin` is: an absolute URL, or the path of a directory; ends in "/".

    For an origin of many buckets it is the URL of `bucket`, or has the pattern's "*".

    Raises ConfigError for an S3 origin that botocore refuses.
    """
    if isinstance(origin, S3Origin):
        return resolve_endpoint(origin, bucket).base_url
    if isinstance(origin, HTTPOrigin):
        return urls.canonical_base(origin.base_url)
    return origin.root.rstrip("/") + "/"


class Places:
    """The places of one site, each found once. Thread-safe; it makes no request. A first place may take 0.1 s.

    at: where another place is, and the origins that have files of it (`_find_at`).
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        # Bounded: a storage whose tokens change stands in with a new origin each time.
        self._place = lru_cache(maxsize=4096)(self._find_place)
        self.at = lru_cache(maxsize=4096)(self._find_at)

    def find_all(self) -> None:
        """Find the place of each origin before the first request.

        It loads botocore, which in a request would take 0.3 s and 25 MB of each worker. A bucket of a pattern still
        takes 0.1 s at its first request if its name has a dot or two hyphens in a row. Raises ConfigError for what
        botocore refuses.
        """
        for origin in self.site.origins.values():
            base_url(origin)
        _ = self._index

    def locate(self, ref: ObjectRef, method: str = "GET", options: Options = DEFAULTS) -> Located:
        """Return where the object is that a call asks for.

        Raises InputRefused (KeyRefused, OriginUnknown, OriginNotAllowed …), ConfigError as `base_url` does, and what a
        function raises that makes the URL.
        """
        place = self._place(ref.origin, ref.bucket, ref.stand_in) if ref.url is None else None
        version = _version(self._origin(ref) if place is None else place.origin, options)
        # A cached object is requested with GET: the cache needs its bytes.
        request_method: Method = "HEAD" if method == "HEAD" and not version else "GET"
        if place is not None:
            key, (target, entry) = ref.key, _target(place, ref.key)
        else:
            place, target = self._require_below(ref, ref.url_for(request_method))
            key, entry = _key_of_url(place, target), place.entry
            if place.is_signed_by_the_app and not ref.makes_url:
                request_method = "GET"
        return Located(
            place=place,
            key=key,
            target=target,
            by_url=ref.url is not None,
            entry=entry,
            method="HEAD" if method == "HEAD" else "GET",
            request_method=request_method,
            version=version,
        )

    def locate_signed(self, name: str, url: str, method: str, request_method: Method) -> Located:
        """Return where an object is whose URL the app has signed itself: below the root of the origin `name`.

        It is requested byte for byte, and not cached: its version is not known.
        """
        place = self._place(name, None, None)
        return Located(
            place=place,
            key=urls.key_of_url(place.root, url),
            target=url,
            by_url=True,
            entry=place.entry,
            method="HEAD" if method == "HEAD" else "GET",
            request_method=request_method,
            version="",
        )

    def key_of_url(self, origin_name: str, url: str) -> str:
        """Return the object key of a stored URL in this origin.

        Raises OriginUnknown, and OriginNotAllowed where `url` is not below the origin's base.
        """
        return _key_of_url(*self._require_below(ObjectRef(origin_name), url))

    def origin_of_url(self, url: str) -> str:
        """Return the name of the origin whose base is the beginning of `url`; of several, the longest one.

        Raises OriginNotAllowed where there is none.
        """
        matches = [
            (len(found[0].root), not covers_many(found[0].origin), name)
            for name in self._by_url(url)
            if (found := self._below(ObjectRef(name), url)) is not None
        ]
        if not matches:
            what = f"{urls.shown(url)!r} is in none of the site's origins"
            remedy = "Configure an origin with its base URL, or do not send it."
            raise OriginNotAllowed(what, where="url", remedy=remedy)
        return max(matches)[2]

    @cached_property
    def _index(self) -> dict[_UrlKey, list[str]]:
        """The origins by the beginning of their URLs, so that a thousand are not compared one by one."""
        found: dict[_UrlKey, list[str]] = {}
        for name, origin in self.site.origins.items():
            if not isinstance(origin, LocalOrigin):
                found.setdefault(_url_key(root_of(origin, base_url(origin))), []).append(name)
        return found

    @cached_property
    def _by_place(self) -> dict[str, list[str]]:
        """The origins by directory or bucket; "*" has those that cover many."""
        found: dict[str, list[str]] = {}
        for name, origin in self.site.origins.items():
            if isinstance(origin, LocalOrigin):
                found.setdefault(str(PurePosixPath(origin.root)), []).append(name)
            elif isinstance(origin, S3Origin):
                found.setdefault("*" if covers_many(origin) else origin.bucket, []).append(name)
        return found

    def _find_at(self, place: S3Origin | LocalOrigin) -> tuple[str, list[tuple[str, ObjectRef]]]:
        """Return where another place is, such as a storage's, and the origins that have files of it, the nearest first.

        Each has the beginning of its URLs or paths, and a reference without a key. Credentials of `place` sign.
        """
        base, found = base_url(place), []
        if isinstance(place, LocalOrigin):
            folders = (PurePosixPath(place.root), *PurePosixPath(place.root).parents)
            names = [name for folder in folders for name in self._by_place.get(str(folder), ())]
            return base, [(base_url(self.site.origin(name)), ObjectRef(name)) for name in names]
        for name in (*self._by_place.get(place.bucket, ()), *self._by_place.get("*", ())):
            origin = self.site.origin(name)
            if isinstance(origin, S3Origin) and _has(origin, place):
                values = {field: getattr(place, field) for field in (*PLACE, *CREDENTIALS)}
                payer = place.request_payer or origin.request_payer
                signing = replace(origin, **values, request_payer=payer)
                stand_in = None if signing == origin else signing
                found.append((base + origin.prefix, ObjectRef(name, bucket=place.bucket, stand_in=stand_in)))
        return base, sorted(found, key=lambda match: len(match[0]), reverse=True)

    def _by_url(self, url: str) -> list[str]:
        """Return the origins below whose place `url` may be: few, however many there are."""
        urls.require_absolute(url)
        try:
            authority, path = urls.authority(urls.canonical_base(url)), urlsplit(url).path
        except ValueError:  # brackets that hold no IPv6 address
            return []
        hosts = [authority, *(authority[index:] for index, char in enumerate(authority) if char == ".")]
        segments = urls.segments_of(path)
        keys = [(host, segments[:end]) for host in hosts for end in range(1, len(segments))]
        return [name for key in keys for name in self._index.get(key, ())]

    def _origin(self, ref: ObjectRef) -> Origin:
        configured = self.site.origin(ref.origin)
        return configured if ref.stand_in is None else ref.stand_in

    def _find_place(self, name: str, bucket: str | None, stand_in: Origin | None) -> Place:
        configured = self.site.origin(name)
        origin = configured if stand_in is None else stand_in
        named = bucket_named(origin, bucket)
        base = base_url(origin, named)
        if stand_in is not None and base != base_url(configured, bucket_named(configured, named or None)):
            what = f"the given place is not that of origin {name!r}"
            remedy = "Configure an origin for that bucket, server or directory."
            raise OriginNotAllowed(what, where="origin", remedy=remedy)
        return Place(
            name=name,
            origin=origin,
            bucket=named if covers_many(configured) else "",
            root=root_of(origin, base),
            endpoint=resolve_endpoint(origin, named) if isinstance(origin, S3Origin) else None,
            entry=f"{self.site.internal_prefix}{name}",
            is_signed_by_the_app=isinstance(origin, HTTPOrigin) and origin.expires_s is not None,
        )

    def _below(self, ref: ObjectRef, url: str) -> tuple[Place, str] | None:
        """Return the place that `url` is in, and the URL spelled as the place is; None for a URL of another place."""
        origin, bucket = self._origin(ref), ref.bucket
        if isinstance(origin, LocalOrigin):
            return None
        if bucket is None and isinstance(origin, S3Origin) and covers_many(origin):
            urls.require_absolute(url)
            match = expression(base_url(origin)).match(urls.canonical_base(url))
            bucket = origin.bucket.replace("*", match[1]) if match else ""
            if not covers(origin.bucket, bucket):
                return None
        place = self._place(ref.origin, bucket, ref.stand_in)
        exact = urls.below(place.root, url)
        return None if exact is None else (place, exact)

    def _require_below(self, ref: ObjectRef, url: str) -> tuple[Place, str]:
        found = self._below(ref, url)
        if found is None:
            what = f"{urls.shown(url)!r} is not in origin {ref.origin!r}"
            remedy = "Leave `origin` out to have it found, or configure an origin with that base URL."
            raise OriginNotAllowed(what, where="url", remedy=remedy)
        return found


def _key_of_url(place: Place, url: str) -> str:
    is_s3 = isinstance(place.origin, S3Origin)
    key = urls.key_of_url(place.root, url)
    if is_s3 and "?" in url:
        what, remedy = "has a query, which a signature would cover", "Store the URL of the object alone."
    elif not key and (is_s3 or place.is_signed_by_the_app):
        what = "names no object: a storage responds with the list of all"
        remedy = "Store the URL of one object."
    else:
        return key
    raise OriginNotAllowed(f"{urls.shown(url)!r} {what}", where="url", remedy=remedy)


def _has(origin: S3Origin, place: S3Origin) -> bool:
    is_covered = place.bucket == origin.bucket or covers(origin.bucket, place.bucket)
    return is_covered and base_url(place) == base_url(origin, place.bucket)


def root_of(origin: Origin, base: str) -> str:
    """Return what the places of all keys of `origin` begin with; `base` is its `base_url`."""
    return base + urls.quote_prefix(origin.prefix) if isinstance(origin, S3Origin) else base


def _version(origin: Origin, options: Options) -> str:
    """Return what names the bytes for the cache; "": they are not cached.

    The version "null" says nothing: it is written anew while versioning is off or suspended.
    """
    if isinstance(origin, LocalOrigin) or not origin.cache:
        return ""
    version, id_ = options.cache_version or "", options.version_id
    return f"{id_}\n{version}" if id_ and id_ != "null" else version


def _target(place: Place, key: str) -> tuple[str, str]:
    """Return the unsigned URL, or the path in a directory, and the internal location."""
    origin = place.origin
    if isinstance(origin, LocalOrigin):
        return place.root + key, f"{place.entry}/{urls.quote_key(key, dots=False, directory=True)}"
    prefix = origin.prefix if isinstance(origin, S3Origin) else ""
    dots = place.endpoint is not None and not place.endpoint.path_style
    return place.root + urls.quote_key(key, prefix=prefix, dots=dots), place.entry


_UrlKey = tuple[str, tuple[str, ...]]


def _url_key(place: str) -> _UrlKey:
    """Return the authority, from the first dot behind a "*" on, and the whole segments of the path, up to a "*"."""
    authority, path = urls.authority(place), urlsplit(place).path
    star = authority.find("*")
    if star >= 0:
        authority = authority[authority.index(".", star) :]
    *whole, _ = urls.segments_of(path.partition("*")[0])
    return authority, tuple(whole)

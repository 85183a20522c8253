"""The one object an adapter needs: it gives a hand-off its clock, its id and its credentials."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property, lru_cache, partial
from typing import NamedTuple

from xaccel import urls
from xaccel.errors import OptionRefused, OriginNotAllowed
from xaccel.handoff.builder import (
    HandOff,
    is_signed_by_the_app,
    make_handoff,
    method_asked,
    object_name,
    remote_target,
)
from xaccel.handoff.cache_key import object_part
from xaccel.handoff.places import UrlIndex
from xaccel.handoff.transfer_id import new_transfer_id
from xaccel.options import Options
from xaccel.signing.credentials import CredentialSource
from xaccel.signing.endpoint import Endpoint, S3Signer, resolve_endpoint
from xaccel.signing.signer import FreshSignatures, longest_s
from xaccel.site import Site
from xaccel.site.buckets import bucket_named, covers, covers_many, expression
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, RemoteOrigin, S3Origin

_DEFAULT_OPTIONS = Options()

Url = str | Callable[[str], str]
"""A stored URL, or a function that makes it for "GET" or "HEAD"."""


class Sender:
    """Makes hand-offs for one site. Thread-safe; make one per process."""

    def __init__(self, site: Site) -> None:
        self.site = site
        # Bounded: a storage whose tokens change stands in with a new origin each time.
        self._source_of_keys = lru_cache(maxsize=256)(CredentialSource)
        self._fresh = FreshSignatures()
        self._source = lru_cache(maxsize=4096)(self._shared_source)
        self._signing = lru_cache(maxsize=4096)(self._what_signs)

    def _shared_source(self, origin: S3Origin) -> CredentialSource:
        """Origins with the same keys or the same profile have one source: one look-up, one refresh."""
        return self._source_of_keys(
            S3Origin(
                bucket="",
                profile=origin.profile,
                access_key=origin.access_key,
                secret_key=origin.secret_key,
                session_token=origin.session_token,
            )
        )

    def _what_signs(self, origin: S3Origin, bucket: str) -> _Signing:
        endpoint = resolve_endpoint(origin, bucket)
        signer = S3Signer(
            region=endpoint.region,
            expires_s=origin.expires_s,
            request_payer=origin.request_payer,
            fresh=self._fresh,
            reuse_s=longest_s(origin.expires_s),
        )
        return _Signing(endpoint, signer, self._source(origin))

    def ready(self, origin_name: str, *, origin: Origin | None = None) -> bool:
        """Tell whether the next hand-off for this origin asks neither files nor the network."""
        chosen = origin or self.site.origin(origin_name)
        return not isinstance(chosen, S3Origin) or self._source(chosen).ready()

    def prepare(self, origin_name: str, *, origin: Origin | None = None) -> None:
        """Wait for endpoint and credentials of this origin; async code calls it in a thread when not `ready`.

        Raises CredentialsUnavailable, and ConfigError for what botocore refuses.
        """
        configured = self.site.origin(origin_name)
        chosen = origin or configured
        self.base_url(configured)
        if isinstance(chosen, S3Origin):
            resolve_endpoint(chosen)
            self._source(chosen).current()

    def hand_off(
        self,
        origin_name: str,
        key: str = "",
        *,
        bucket: str | None = None,
        url: Url | None = None,
        method: str = "GET",
        options: Options = _DEFAULT_OPTIONS,
        origin: Origin | None = None,
    ) -> HandOff:
        """Make the hand-off for one request.

        `bucket` names one of the buckets of an origin that covers many. `url` instead of `key` is a stored absolute URL
        below the origin's base; it is asked for byte for byte, and names the bucket itself. A function instead is given
        the method that NGINX will ask with, "GET" or "HEAD", and returns the URL: a signature may be for one method
        only. A text is therefore asked for with GET where the origin has `expires_s`. `origin` stands in for the
        configured one with other credentials or another prefix: it must lie where the site says, since NGINX asks
        there.

        Raises InputRefused (KeyRefused, OriginUnknown, OriginNotAllowed …) and CredentialsUnavailable.
        """
        configured = self.site.origin(origin_name)
        chosen = configured if origin is None else origin
        url_method = None
        if url is not None:
            if not isinstance(url, str):
                url_method = method_asked(chosen, options, method)
                url = url(url_method)
            elif is_signed_by_the_app(chosen):
                url_method = "GET"
            url, key, bucket = self._checked_url(chosen, origin_name, url, bucket)
        bucket = bucket_named(chosen, bucket)
        if origin is not None and self.base_url(origin, bucket) != self.base_url(
            configured, bucket_named(configured, bucket)
        ):
            raise OriginNotAllowed(
                f"the place given is not the one of origin {origin_name!r}",
                where="origin",
                remedy="Configure an origin for that bucket, server or directory.",
            )
        endpoint = signer = credentials = lasts = None
        if isinstance(chosen, S3Origin):
            endpoint, signer, source = self._signing(chosen, bucket)
            credentials = source.current()
            lasts = partial(source.last, credentials)
        now = datetime.now(UTC)
        return make_handoff(
            self.site,
            origin_name,
            key,
            options,
            method=method,
            endpoint=endpoint,
            signer=signer,
            credentials=credentials,
            lasts=lasts,
            now=now,
            transfer_id=new_transfer_id(now),
            url=url,
            url_method=url_method,
            origin=origin,
            bucket=bucket,
        )

    def object_part(
        self, origin_name: str, key: str = "", *, bucket: str | None = None, url: str | None = None
    ) -> str:
        """Return the part of a cache key that all entries of one object share, whatever their version.

        Raises InputRefused as `hand_off` does, and OptionRefused for a directory, of which nothing is cached.
        """
        origin = self.site.origin(origin_name)
        if isinstance(origin, LocalOrigin):
            raise OptionRefused(
                f"{origin_name!r} is a directory, of which nothing is cached",
                where="origin",
                remedy="Name an origin with a cache.",
            )
        if url is not None:
            url, key, bucket = self._checked_url(origin, origin_name, url, bucket)
        bucket = bucket_named(origin, bucket)
        endpoint = resolve_endpoint(origin, bucket) if isinstance(origin, S3Origin) else None
        name = object_name(origin, remote_target(origin, bucket, key, url, endpoint))
        return object_part(self.site.name, origin_name, name)

    def key_of_url(self, origin_name: str, url: str) -> str:
        """Return the object key of a stored URL in this origin.

        Raises OriginUnknown, and OriginNotAllowed where `url` does not lie below the origin's base.
        """
        return self._checked_url(self.site.origin(origin_name), origin_name, url, None)[1]

    def origin_of_url(self, url: str) -> str:
        """Return the name of the origin below whose base `url` lies; of several, the one with the longest base.

        Raises OriginNotAllowed where there is none.
        """
        matches = []
        for _, name in self._url_index.candidates(url):
            origin = self.site.origins[name]
            found = None if isinstance(origin, LocalOrigin) else self._find(origin, url, None)
            if found is not None:
                matches.append((len(found.place), not covers_many(origin), name))
        if not matches:
            raise OriginNotAllowed(
                f"{urls.shown(url)!r} lies in none of the site's origins",
                where="url",
                remedy="Configure an origin with its base URL, or do not send it.",
            )
        return max(matches)[2]

    def find_places(self) -> None:
        """Find where each origin lies, so that no request does; asks nobody.

        It loads botocore, which in a first request would take 0.3 s and 25 MB of each worker. Raises ConfigError for
        what botocore refuses.
        """
        for origin in self.site.origins.values():
            self.base_url(origin)
        _ = self._url_index

    @property
    def knows_places(self) -> bool:
        """Whether `origin_of_url` will only look at memory."""
        return "_url_index" in self.__dict__

    @cached_property
    def _url_index(self) -> UrlIndex:
        return UrlIndex(
            (self._place(origin), name)
            for name, origin in self.site.origins.items()
            if not isinstance(origin, LocalOrigin)
        )

    def base_url(self, origin: Origin, bucket: str | None = None) -> str:
        """Return where `origin` is found: an absolute URL, or for a directory its path; ends in "/".

        For an origin of many buckets it is the URL of `bucket`, or holds the pattern's "*".
        """
        if isinstance(origin, S3Origin):
            return resolve_endpoint(origin, bucket).base_url
        if isinstance(origin, HTTPOrigin):
            return urls.canonical_base(origin.base_url)
        return origin.root.rstrip("/") + "/"

    def _place(self, origin: RemoteOrigin, bucket: str | None = None) -> str:
        prefix = origin.prefix if isinstance(origin, S3Origin) else ""
        return self.base_url(origin, bucket) + urls.quote_prefix(prefix)

    def _find(self, origin: RemoteOrigin, url: str, bucket: str | None) -> _Found | None:
        if bucket is None and isinstance(origin, S3Origin) and covers_many(origin):
            urls.require_absolute(url)
            match = expression(self.base_url(origin)).match(urls.canonical_base(url))
            bucket = origin.bucket.replace("*", match[1]) if match else ""
            if not covers(origin.bucket, bucket):
                return None
        place = self._place(origin, bucket)
        exact = urls.below(place, url)
        return None if exact is None else _Found(place, exact, bucket)

    def _checked_url(
        self, origin: Origin, name: str, url: str, bucket: str | None
    ) -> tuple[str, str, str | None]:
        found = None
        if not isinstance(origin, LocalOrigin):
            found = self._find(origin, url, bucket)
        if found is None:
            raise OriginNotAllowed(
                f"{urls.shown(url)!r} does not lie in origin {name!r}",
                where="url",
                remedy="Leave `origin` out to have it found, or configure an origin with that base URL.",
            )
        if isinstance(origin, S3Origin) and "?" in found.url:
            raise OriginNotAllowed(
                f"{urls.shown(url)!r} has a query, which a signature would cover",
                where="url",
                remedy="Store the URL of the object alone.",
            )
        key = urls.key_of_url(found.place, found.url)
        if not key and (isinstance(origin, S3Origin) or is_signed_by_the_app(origin)):
            raise OriginNotAllowed(
                f"{urls.shown(url)!r} names no object: a store answers it with the list of all",
                where="url",
                remedy="Store the URL of one object.",
            )
        return found.url, key, found.bucket


class _Signing(NamedTuple):
    """What the signatures for one bucket are made with."""

    endpoint: Endpoint
    signer: S3Signer
    source: CredentialSource


class _Found(NamedTuple):
    """Where a stored URL lies: the place, the URL spelled as the place is, the bucket if the URL named it."""

    place: str
    url: str
    bucket: str | None

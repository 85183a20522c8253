"""The one object an adapter needs: it gives a hand-off its clock, its id and its credentials."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from xaccel import target
from xaccel.cache_key import object_part
from xaccel.credentials import CredentialSource
from xaccel.errors import OptionRefused, OriginNotAllowed
from xaccel.handoff import HandOff, make_handoff, remote_target
from xaccel.options import Options
from xaccel.origins import HTTPOrigin, LocalOrigin, Origin, RemoteOrigin, S3Origin
from xaccel.signing import S3Signer, resolve_endpoint
from xaccel.site import Site
from xaccel.transfer_id import new_transfer_id

_DEFAULT_OPTIONS = Options()


class Sender:
    """Makes hand-offs for one site. Thread-safe; make one per process."""

    def __init__(self, site: Site) -> None:
        self.site = site
        # Bounded: a storage whose tokens change stands in with a new origin each time.
        self._source = lru_cache(maxsize=256)(CredentialSource)

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
        url: str | None = None,
        method: str = "GET",
        options: Options = _DEFAULT_OPTIONS,
        origin: Origin | None = None,
    ) -> HandOff:
        """Make the hand-off for one request.

        `url` instead of `key` is a stored absolute URL below the origin's base; it is asked for byte for byte.
        `origin` stands in for the configured one with other credentials or another prefix: its bucket must be the
        same one, since NGINX asks where the site says.

        Raises InputRefused (KeyRefused, OriginUnknown, OriginNotAllowed …) and CredentialsUnavailable.
        """
        configured = self.site.origin(origin_name)
        chosen = configured if origin is None else origin
        if origin is not None and self.base_url(origin) != self.base_url(configured):
            raise OriginNotAllowed(
                f"the place given is not the one of origin {origin_name!r}",
                where="origin",
                remedy="Configure an origin for that bucket, server or directory.",
            )
        if url is not None:
            url, key = self._checked_url(chosen, origin_name, url)
        endpoint = signer = credentials = None
        if isinstance(chosen, S3Origin):
            endpoint = resolve_endpoint(chosen)
            signer = S3Signer(
                region=endpoint.region, expires_s=chosen.expires_s, request_payer=chosen.request_payer
            )
            credentials = self._source(chosen).current()
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
            now=now,
            transfer_id=new_transfer_id(now),
            url=url,
            origin=origin,
        )

    def object_part(self, origin_name: str, key: str = "", *, url: str | None = None) -> str:
        """Return the part of a cache key that all entries of one object share, whatever their identity.

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
            url, key = self._checked_url(origin, origin_name, url)
        endpoint = resolve_endpoint(origin) if isinstance(origin, S3Origin) else None
        return object_part(self.site.name, origin_name, remote_target(origin, key, url, endpoint))

    def origin_of_url(self, url: str) -> str:
        """Return the name of the origin below whose base `url` lies; of several, the one with the longest base.

        Raises OriginNotAllowed where there is none.
        """
        matches = [
            (len(base), name)
            for name, origin in self.site.origins.items()
            if not isinstance(origin, LocalOrigin)
            and target.below(base := self._place(origin), url) is not None
        ]
        if not matches:
            raise OriginNotAllowed(
                f"{url!r} lies in none of the site's origins",
                where="url",
                remedy="Configure an origin with its base URL, or do not send it.",
            )
        return max(matches)[1]

    def base_url(self, origin: Origin) -> str:
        """Return where `origin` is found: an absolute URL, or for a directory its path; ends in "/"."""
        if isinstance(origin, S3Origin):
            return resolve_endpoint(origin).base_url
        if isinstance(origin, HTTPOrigin):
            return target.canonical_base(origin.base_url)
        return origin.root.rstrip("/") + "/"

    def _place(self, origin: RemoteOrigin) -> str:
        prefix = origin.prefix if isinstance(origin, S3Origin) else ""
        return self.base_url(origin) + target.quote_prefix(prefix)

    def _checked_url(self, origin: Origin, name: str, url: str) -> tuple[str, str]:
        exact = None
        if not isinstance(origin, LocalOrigin):
            exact = target.below(self._place(origin), url)
        if exact is None or isinstance(origin, LocalOrigin):
            raise OriginNotAllowed(
                f"{url!r} does not lie in origin {name!r}",
                where="url",
                remedy="Leave `origin` out to have it found, or configure an origin with that base URL.",
            )
        if isinstance(origin, S3Origin) and "?" in exact:
            raise OriginNotAllowed(
                f"{url!r} has a query, which a signature would cover",
                where="url",
                remedy="Store the URL of the object alone.",
            )
        key = target.key_of_url(self._place(origin), exact)
        if isinstance(origin, S3Origin) and not key:
            raise OriginNotAllowed(
                f"{url!r} names no object: a store answers it with the list of all",
                where="url",
                remedy="Store the URL of one object.",
            )
        return exact, key

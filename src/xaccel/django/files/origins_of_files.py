"""The origins that have the files of a storage: by its directory or bucket, or by the URL of a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from xaccel import urls
from xaccel.errors import KeyRefused, OriginNotAllowed
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.places import base_url
from xaccel.sender import Sender
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, S3Origin, covers, covers_many

KEYS = {"access_key": "access_key", "secret_key": "secret_key", "session_token": "security_token"}
"""The credentials of an S3Origin, and where a storage has them."""


class Wanted(NamedTuple):
    """The name of a file in its storage, and the origin and the bucket that the call names."""

    name: str
    origin: str | None
    bucket: str | None


Match = tuple[str, ObjectRef]
"""An origin that has the files of a storage: the prefix that the storage's keys repeat, and a reference. Its key is the
start of all object keys in the origin; its `stand_in` has the storage's credentials."""


class OriginsOfFiles:
    """The origins of a site, by the places of their files. Thread-safe."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.origin = sender.site.origin
        # Bounded: a storage whose tokens change has new values each time.
        self.matches = lru_cache(maxsize=4096)(self._matches)

    def below(self, url: str, wanted: Wanted) -> ObjectRef:
        """Return the object of an HTTP origin that has the URL of a file."""
        refused = None
        try:
            name = wanted.origin or self._sender.places.origin_of_url(url)
            if isinstance(self.origin(name), HTTPOrigin):
                return ObjectRef(name, self._sender.places.key_of_url(name, url), bucket=wanted.bucket)
        except OriginNotAllowed as error:
            refused = error
        where = (
            "below none of the site's HTTP origins"
            if wanted.origin is None
            else elsewhere(wanted.origin, None)
        )
        raise OriginNotAllowed(
            f"the URL of the file, at {urls.authority(url.partition('?')[0])}, is {where}",
            where="file",
            remedy='If NGINX may request it, add {"storage": "<its alias in STORAGES>"} to XACCEL["ORIGINS"], or, for a'
            ' storage that xaccel cannot read, {"type": "http", "base_url": "<what its URLs begin with>"}; '
            + RELOAD,
        ) from refused

    def made_by(self, make: Callable[[str], str], ref: ObjectRef) -> ObjectRef:
        """Return `ref` with the function of an SDK that makes its URL for a method."""

        def checked(method: str) -> str:
            url = make(method)
            if self._sender.places.key_of_url(ref.origin, url) != ref.key:
                raise KeyRefused(
                    f"the storage has another name for {ref.key!r}, so it would be another object",
                    where="key",
                    remedy="Write the key as the storage does, without '//', '.' and '..'.",
                )
            return url

        return dataclasses.replace(ref, url=checked)

    def _matches(self, read: Callable[..., S3Origin | LocalOrigin], *values: Any) -> list[Match]:
        """Return the origins that have the files of `read(*values)`, the nearest first."""
        own = read(*values)
        near = [own.bucket, _MANY] if isinstance(own, S3Origin) else _parents(own.root)
        names = [name for place in near for name in self._by_place.get(place, ())]
        found = [match for name in names if (match := _match(name, self.origin(name), own)) is not None]
        return sorted(
            found,
            key=lambda match: (
                len(match[0]) - len(match[1].key),
                not covers_many(self.origin(match[1].origin)),
            ),
            reverse=True,
        )

    @cached_property
    def _by_place(self) -> dict[str, list[str]]:
        """The origins by directory or bucket, so that a thousand are not compared one by one."""
        found: dict[str, list[str]] = {}
        for name, origin in self._sender.site.origins.items():
            if isinstance(origin, LocalOrigin):
                found.setdefault(origin.root.rstrip("/"), []).append(name)
            elif isinstance(origin, S3Origin):
                found.setdefault(_MANY if covers_many(origin) else origin.bucket, []).append(name)
        return found


_MANY = "*"
"""Instead of a bucket: the origins that cover many."""
RELOAD = "generate the NGINX configuration again, and reload NGINX."
_OF_THE_STORAGE = (
    "region endpoint_url addressing_style use_dualstack_endpoint use_fips_endpoint use_accelerate_endpoint profile"
).split()


def _parents(root: str) -> list[str]:
    parts = root.rstrip("/").split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _match(name: str, origin: Origin, own: S3Origin | LocalOrigin) -> Match | None:
    if isinstance(origin, LocalOrigin) and isinstance(own, LocalOrigin):
        root, location = origin.root.rstrip("/") + "/", own.root.rstrip("/") + "/"
        return "", ObjectRef(name, location.removeprefix(root))
    if not isinstance(origin, S3Origin) or not isinstance(own, S3Origin):
        return None
    if covers_many(origin) and not covers(origin.bucket, own.bucket):
        return None
    if base_url(own) != base_url(origin, own.bucket):
        return None
    values = {field: getattr(own, field) for field in (*_OF_THE_STORAGE, *KEYS)}
    signing = dataclasses.replace(origin, **values, request_payer=own.request_payer or origin.request_payer)
    return origin.prefix, ObjectRef(name, bucket=own.bucket, stand_in=None if signing == origin else signing)


def elsewhere(origin: str | None, bucket: str | None) -> str:
    if bucket is not None:
        return f"in another place than bucket {bucket!r}"
    return "in none of the site's origins" if origin is None else f"in another place than origin {origin!r}"

"""The origins that have the files of a storage: by its directory or bucket, or by the URL of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from xaccel import urls
from xaccel.errors import KeyRefused, OriginNotAllowed
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.places import base_url
from xaccel.sender import Sender
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin, covers, covers_many

KEYS = {"access_key": "access_key", "secret_key": "secret_key", "session_token": "security_token"}
"""The credentials of an S3Origin, and where a storage has them."""

_MANY = "*"
"""Instead of a bucket: the origins that cover many."""
_OF_THE_STORAGE = (
    "region endpoint_url addressing_style use_dualstack_endpoint use_fips_endpoint use_accelerate_endpoint profile"
).split()
PLACE_AND_KEYS = {"bucket", "prefix", "base_url", "root", *_OF_THE_STORAGE, *KEYS}
"""Options with which an entry of ORIGINS replaces the place or the keys of its storage."""
RELOAD = "generate the NGINX configuration again, and reload NGINX."


class StoredFile(NamedTuple):
    """A file by its name in a storage, with the origin and the bucket that the call names.

    is_key: the name is an object key, which the storage would not normalise.
    """

    storage: Any
    name: str
    origin: str | None
    bucket: str | None
    is_key: bool


Match = tuple[str, ObjectRef]
"""An origin that has files of a storage: the beginning of their URLs or paths, and a reference without a key."""


class OriginsOfFiles:
    """The origins of a site, by the places of their files. Thread-safe."""

    def __init__(self, sender: Sender) -> None:
        self.origin = sender.site.origin
        self._origins, self._places = sender.site.origins, sender.places
        # Bounded: a storage whose tokens change has new values each time.
        self.matches = lru_cache(maxsize=4096)(self._find_matches)

    def below(self, url: str, file: StoredFile) -> ObjectRef:
        """Return the object of an HTTP origin that has the URL of a file. Raises OriginNotAllowed."""
        refused = None
        try:
            name = file.origin or self._places.origin_of_url(url)
            if isinstance(self.origin(name), HTTPOrigin):
                return ObjectRef(name, self._places.key_of_url(name, url), bucket=file.bucket)
        except OriginNotAllowed as error:
            refused = error
        where = elsewhere(file, "below none of the site's HTTP origins")
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
            if self._places.key_of_url(ref.origin, url) != ref.key:
                what = f"the storage has another name for {ref.key!r}, so it would be another object"
                remedy = "Write the key as the storage does, without '//', '.' and '..'."
                raise KeyRefused(what, where="key", remedy=remedy)
            return url

        return replace(ref, url=checked)

    def _find_matches(self, place: S3Origin | LocalOrigin) -> tuple[str, list[Match]]:
        """Return where a place is, and the origins that have files of it, the nearest first."""
        base, found = base_url(place), []
        if isinstance(place, S3Origin):
            near = [place.bucket, _MANY]
        else:
            near = [str(folder) for folder in (PurePosixPath(place.root), *PurePosixPath(place.root).parents)]
        for name in [name for each in near for name in self._by_place.get(each, ())]:
            origin = self.origin(name)
            if isinstance(origin, LocalOrigin):
                found.append((base_url(origin), ObjectRef(name)))
            elif isinstance(origin, S3Origin) and isinstance(place, S3Origin) and _has(origin, place):
                signing = _with_values_of(place, origin)
                ref = ObjectRef(name, bucket=place.bucket, stand_in=None if signing == origin else signing)
                found.append((base + origin.prefix, ref))

        def nearness(match: Match) -> tuple[int, bool]:
            return len(match[0]), not covers_many(self.origin(match[1].origin))

        return base, sorted(found, key=nearness, reverse=True)

    @cached_property
    def _by_place(self) -> dict[str, list[str]]:
        """The origins by directory or bucket, so that a thousand are not compared one by one."""
        found: dict[str, list[str]] = {}
        for name, origin in self._origins.items():
            if isinstance(origin, LocalOrigin):
                found.setdefault(str(PurePosixPath(origin.root)), []).append(name)
            elif isinstance(origin, S3Origin):
                found.setdefault(_MANY if covers_many(origin) else origin.bucket, []).append(name)
        return found


def _has(origin: S3Origin, place: S3Origin) -> bool:
    is_covered = not covers_many(origin) or covers(origin.bucket, place.bucket)
    return is_covered and base_url(place) == base_url(origin, place.bucket)


def _with_values_of(place: S3Origin, origin: S3Origin) -> S3Origin:
    values = {field: getattr(place, field) for field in (*_OF_THE_STORAGE, *KEYS)}
    return replace(origin, **values, request_payer=place.request_payer or origin.request_payer)


def elsewhere(file: StoredFile, everywhere: str) -> str:
    """Return where a file is if it is not in the origin that the call names, or not in any of the site's."""
    return everywhere if file.origin is None else f"in another place than origin {file.origin!r}"

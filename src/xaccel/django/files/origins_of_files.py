"""The origins that have the files of a storage: by its directory or bucket, or by the URL of a file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from xaccel import urls
from xaccel.errors import OriginNotAllowed
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.places import base_url
from xaccel.sender import Sender
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin, covers, covers_many

KEYS = {"access_key": "access_key", "secret_key": "secret_key", "session_token": "security_token"}
"""The credentials of an S3Origin, and where a storage has them."""

_OF_THE_STORAGE = {
    *"region endpoint_url addressing_style use_dualstack_endpoint use_fips_endpoint".split(),
    *("use_accelerate_endpoint", "profile", *KEYS),
}
PLACE_AND_KEYS = _OF_THE_STORAGE | {"bucket", "prefix", "base_url", "root"}
"""Options with which an entry of ORIGINS replaces the place or the keys of its storage."""


class StoredFile(NamedTuple):
    """A file by its name in a storage, with the origin and the bucket that the call names.

    is_key: the name is an object key, which the storage would not normalise.
    """

    storage: Any
    name: str
    origin: str | None
    bucket: str | None
    is_key: bool


class OriginsOfFiles:
    """The origins of a site, by the places of their files. Thread-safe."""

    def __init__(self, sender: Sender) -> None:
        self.origin, self._places = sender.site.origin, sender.places
        # By directory or bucket, so that a thousand are not compared one by one; "*": those that cover many.
        self._names: dict[str, list[str]] = {}
        for name, origin in sender.site.origins.items():
            if isinstance(origin, LocalOrigin):
                self._names.setdefault(str(PurePosixPath(origin.root)), []).append(name)
            elif isinstance(origin, S3Origin):
                self._names.setdefault("*" if covers_many(origin) else origin.bucket, []).append(name)
        # Bounded: a storage whose tokens change has new values each time.
        self.matches = lru_cache(maxsize=4096)(self._find_matches)

    def below(self, url: str, file: StoredFile) -> ObjectRef:
        """Return the object of an HTTP origin that has the URL of a file. Raises OriginNotAllowed."""
        with suppress(OriginNotAllowed):
            name = file.origin or self._places.origin_of_url(url)
            if isinstance(self.origin(name), HTTPOrigin):
                return ObjectRef(name, self._places.key_of_url(name, url), bucket=file.bucket)
        host = urls.authority(url.partition("?")[0])
        raise elsewhere(file, f"at {host}, below none of the site's HTTP origins")

    def _find_matches(self, place: S3Origin | LocalOrigin) -> tuple[str, list[tuple[str, ObjectRef]]]:
        """Return where a place is, and the origins that have files of it, the nearest first.

        Each has the beginning of its URLs or paths, and a reference without a key.
        """
        base, found = base_url(place), []
        if isinstance(place, LocalOrigin):
            folders = (PurePosixPath(place.root), *PurePosixPath(place.root).parents)
            names = [name for folder in folders for name in self._names.get(str(folder), ())]
            return base, [(base_url(self.origin(name)), ObjectRef(name)) for name in names]
        for name in (*self._names.get(place.bucket, ()), *self._names.get("*", ())):
            origin = self.origin(name)
            if isinstance(origin, S3Origin) and _has(origin, place):
                values = {field: getattr(place, field) for field in _OF_THE_STORAGE}
                payer = place.request_payer or origin.request_payer
                signing = replace(origin, **values, request_payer=payer)
                stand_in = None if signing == origin else signing
                ref = ObjectRef(name, bucket=place.bucket, stand_in=stand_in)
                found.append((base + origin.prefix, ref))
        return base, sorted(found, key=lambda match: len(match[0]), reverse=True)


def _has(origin: S3Origin, place: S3Origin) -> bool:
    is_covered = place.bucket == origin.bucket or covers(origin.bucket, place.bucket)
    return is_covered and base_url(place) == base_url(origin, place.bucket)


def elsewhere(file: StoredFile, everywhere: str) -> OriginNotAllowed:
    """Return the error for a file that is not where the call says, or in none of the site's origins."""
    named = f"origin {file.origin!r}" if file.bucket is None else f"bucket {file.bucket!r}"
    is_named = file.origin is not None or file.bucket is not None
    where = f"in another place than {named}" if is_named else everywhere
    what = f"the storage of this file ({type(file.storage).__qualname__}) is {where}"
    remedy = (
        'If NGINX may request it, add {"storage": "<its alias in STORAGES>"} to XACCEL["ORIGINS"]. For a storage that'
        ' xaccel cannot read, add {"type": "http", "base_url": "<what its URLs begin with>"}. Then generate the NGINX'
        " configuration again, and reload NGINX."
    )
    return OriginNotAllowed(what, where="file", remedy=remedy)

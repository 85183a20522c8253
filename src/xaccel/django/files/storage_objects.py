"""The object that a call of `send_file` asks for."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, NamedTuple
from urllib.parse import quote

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db.models.fields.files import FieldFile
from django.utils.functional import LazyObject

from xaccel import urls
from xaccel.django.files.storages import (
    LEAST_S,
    SSE_C,
    Kind,
    StorageNotDescribed,
    computed,
    describe_place,
    kind_of,
    not_described,
    unwrapped,
)
from xaccel.errors import KeyRefused, OriginNotAllowed
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.places import base_url
from xaccel.options import Url
from xaccel.sender import Sender
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, S3Origin, covers, covers_many

FileOrKey = FieldFile | str | None


class _Wanted(NamedTuple):
    """The name of a file in its storage, and the origin and the bucket that the call names."""

    name: str
    origin: str | None
    bucket: str | None


Find = Callable[[Any, _Wanted], ObjectRef]
"""From a storage and a file to the object. Raises KeyRefused, and OriginNotAllowed for a file in another place."""

_MANY = "*"
"""Instead of a bucket: the origins that cover many."""
_RELOAD = "generate the NGINX configuration again, and reload NGINX."


class Objects:
    """The objects of a site's storages. Thread-safe.

    For each storage a `Find` is chosen: at start if an origin names the storage, else at its first file. It is chosen
    again if an attribute has changed, for example with the tenant. It is kept by identity, and weakly: a project may
    compare storages by their settings, and may make one for each tenant.

    aliases: by origin, the alias of STORAGES that it names.
    """

    def __init__(self, sender: Sender, aliases: Mapping[str, str]) -> None:
        self._sender = sender
        origins = sender.site.origins
        self._aliases = {alias for name, alias in aliases.items() if name in origins}
        self._made_by = {
            name: alias for name, alias in aliases.items() if isinstance(origins.get(name), HTTPOrigin)
        }
        self._known: dict[int, tuple[weakref.ref[Storage], tuple[Any, ...], Find]] = {}

    def find_all(self) -> None:
        """Choose the `Find` of each storage that an origin names, so that no request does."""
        for alias in self._aliases:
            self._find_in(unwrapped(storages[alias]))

    def find(
        self, file_or_key: FileOrKey, *, origin: str | None, bucket: str | None = None, url: Url | None = None
    ) -> ObjectRef:
        """Return what a call asks for.

        It makes no request, but a storage of an unknown kind is asked for its `url()`. The first call for an S3
        storage may take 0.1 s.

        Raises TypeError for arguments that name nothing or two things, KeyRefused, OriginUnknown and OriginNotAllowed.
        """
        if isinstance(file_or_key, FieldFile) and url is None:
            if origin is not None:
                self._sender.site.origin(origin)
            if not file_or_key.name:
                remedy = "Respond with 404 if there is no file, or upload one."
                raise KeyRefused("the file field is empty", where="file", remedy=remedy)
            storage = file_or_key.storage
            if isinstance(storage, LazyObject):
                storage = unwrapped(storage)
            try:
                return self._find_in(storage)(storage, _Wanted(file_or_key.name, origin, bucket))
            except StorageNotDescribed as problem:
                raise OriginNotAllowed(problem.what, where=problem.where, remedy=problem.remedy) from problem
        if not isinstance(file_or_key, FieldFile | str | None):
            raise TypeError(f"send_file takes a FieldFile or an object key, not {type(file_or_key).__name__}")
        key: Any = file_or_key
        ref = self._sender.refer(key, origin=origin, bucket=bucket, url=url)
        return self._with_url(ref) if url is None and ref.origin in self._made_by else ref

    def is_known(self, file_or_key: FileOrKey, url: Url | None) -> bool:
        """Tell whether `find` only looks at memory."""
        if isinstance(url, str):
            return self._sender.places.knows_urls
        if isinstance(file_or_key, FieldFile):
            storage = unwrapped(file_or_key.storage)
            entry = self._known.get(id(storage))
            return entry is not None and entry[1] == _state(storage) and entry[2] != self._by_asking
        return True

    def _find_in(self, storage: Storage) -> Find:
        slot, state = id(storage), _state(storage)
        entry = self._known.get(slot)
        if entry is not None and entry[0]() is storage and entry[1] == state:
            return entry[2]
        find = self._choose(storage)
        if computed(storage, ["client"]):
            return find
        self._known[slot] = weakref.ref(storage, lambda _: self._known.pop(slot, None)), state, find
        return find

    def _choose(self, storage: Storage) -> Find:
        kind = kind_of(storage)
        if kind is None and not isinstance(storage, FileSystemStorage):
            return self._by_asking
        place = None if kind is None else kind.place(storage, "file")
        if kind is None or place is None:
            return partial(_in_places, self._matches(storage), kind)
        matches: list[_Match] = []
        if kind.is_s3:
            with suppress(StorageNotDescribed):
                matches = self._matches(storage)
        return partial(self._by_url, kind, place, matches)

    def _by_url(
        self, kind: Kind, place: HTTPOrigin, matches: list[_Match], storage: Any, wanted: _Wanted
    ) -> ObjectRef:
        """Find a file behind URLs that a known SDK makes; of S3 with a domain, the bucket may be an origin instead."""
        try:
            url = place.base_url + quote(_key(kind, storage, wanted.name), safe="/")
            found, key = self._below(url, wanted.origin)
        except OriginNotAllowed:
            if not kind.is_s3:
                raise
            return _in_places(matches, kind, storage, wanted)
        return ObjectRef(found, key, bucket=wanted.bucket, url=partial(kind.url, storage, wanted.name))

    def _by_asking(self, storage: Any, wanted: _Wanted) -> ObjectRef:
        try:
            url = storage.url(wanted.name)
        except NotImplementedError:
            url = ""
        if not isinstance(url, str) or not url.lower().startswith(("https://", "http://")):
            raise not_described("file", "unknown_storage", kind=type(storage))
        found, key = self._below(url, wanted.origin)
        origin, signed = self._sender.site.origin(found), None
        # What a storage adds to the name of its own file is a signature.
        if isinstance(origin, HTTPOrigin) and origin.expires_s is None and "?" in url:
            signed = dataclasses.replace(origin, expires_s=LEAST_S)
        return ObjectRef(found, key, bucket=wanted.bucket, url=url, stand_in=signed)

    def _below(self, url: str, wanted: str | None) -> tuple[str, str]:
        """Return the HTTP origin, and the key in it, of the URL of a file."""
        refused = None
        try:
            name = wanted or self._sender.places.origin_of_url(url)
            if isinstance(self._sender.site.origin(name), HTTPOrigin):
                return name, self._sender.places.key_of_url(name, url)
        except OriginNotAllowed as error:
            refused = error
        where = "below none of the site's HTTP origins" if wanted is None else _elsewhere(wanted, None)
        raise OriginNotAllowed(
            f"the URL of the file, at {urls.authority(url.partition('?')[0])}, is {where}",
            where="file",
            remedy='If NGINX may request it, add {"storage": "<its alias in STORAGES>"} to XACCEL["ORIGINS"], or, for a'
            ' storage that xaccel cannot read, {"type": "http", "base_url": "<what its URLs begin with>"}; '
            + _RELOAD,
        ) from refused

    def _matches(self, storage: Storage) -> list[_Match]:
        """Return the origins that hold the files of a storage, the nearest first."""
        own = describe_place(storage, "file")
        if isinstance(own, LocalOrigin):
            parts = own.root.rstrip("/").split("/")
            near = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        else:
            near = [own.bucket, _MANY]
        origins = self._sender.site.origins
        names = [name for place in near for name in self._by_place.get(place, ())]
        found = [match for name in names if (match := _match(name, origins[name], own)) is not None]
        return sorted(
            found,
            key=lambda match: (len(match[0]) - len(match[1].key), not covers_many(origins[match[1].origin])),
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

    def _with_url(self, ref: ObjectRef) -> ObjectRef:
        """Return `ref` with what makes its URL, where the SDK of the origin's storage signs."""
        alias = self._made_by[ref.origin]
        storage = unwrapped(storages[alias])
        kind = kind_of(storage)
        if kind is None:
            return ref

        def make(method: str) -> str:
            url = kind.url(storage, ref.key, method)
            if self._sender.places.key_of_url(ref.origin, url) != ref.key:
                raise KeyRefused(
                    f"the storage {alias!r} has another name for {ref.key!r}, so it would be another object",
                    where="key",
                    remedy="Write the key as the storage does, without '//', '.' and '..'.",
                )
            return url

        return dataclasses.replace(ref, url=make)


_STATE = (
    "location base_location bucket_name region_name endpoint_url client_config object_parameters verify session_profile"
    " access_key secret_key security_token custom_domain url_protocol querystring_auth querystring_expire"
    " cloudfront_signer custom_endpoint default_acl expiration expiration_secs"
).split()
"""Attributes that the choice of a `Find` reads."""


def _state(storage: Any) -> tuple[Any, ...]:
    return tuple([getattr(storage, name, None) for name in _STATE])


_Match = tuple[str, ObjectRef]
"""An origin that has the files of a storage: the prefix that the storage's keys repeat, and a reference. Its key is the
start of all object keys in the origin; its `stand_in` has the storage's credentials."""


def _match(name: str, origin: Origin, own: S3Origin | LocalOrigin) -> _Match | None:
    if isinstance(origin, LocalOrigin) and isinstance(own, LocalOrigin):
        root, location = origin.root.rstrip("/") + "/", own.root.rstrip("/") + "/"
        return "", ObjectRef(name, location.removeprefix(root))
    if not isinstance(origin, S3Origin) or not isinstance(own, S3Origin):
        return None
    if covers_many(origin) and not covers(origin.bucket, own.bucket):
        return None
    if base_url(own) != base_url(origin, own.bucket):
        return None
    signing = dataclasses.replace(
        origin,
        **{field: getattr(own, field) for field in _OF_THE_STORAGE},
        request_payer=own.request_payer or origin.request_payer,
    )
    return origin.prefix, ObjectRef(name, bucket=own.bucket, stand_in=None if signing == origin else signing)


_OF_THE_STORAGE = (
    "region endpoint_url addressing_style use_dualstack_endpoint use_fips_endpoint use_accelerate_endpoint"
    " profile access_key secret_key session_token"
).split()


def _in_places(matches: list[_Match], kind: Kind | None, storage: Any, wanted: _Wanted) -> ObjectRef:
    """Find a file in the directories and buckets of the site's origins."""
    name, origin, bucket = wanted
    key = name if kind is None else _key(kind, storage, name)
    for prefix, ref in matches:
        if origin in (None, ref.origin) and bucket in (None, ref.bucket) and key.startswith(prefix):
            inside = ref.key + key.removeprefix(prefix)
            return ObjectRef(ref.origin, inside, bucket=ref.bucket, stand_in=ref.stand_in)
    raise OriginNotAllowed(
        f"the storage of this file ({type(storage).__qualname__}) is {_elsewhere(origin, bucket)}",
        where="file",
        remedy=f'Add {{"storage": "<its alias in STORAGES>"}} to XACCEL["ORIGINS"], {_RELOAD}',
    )


def _elsewhere(origin: str | None, bucket: str | None) -> str:
    if bucket is not None:
        return f"in another place than bucket {bucket!r}"
    return "in none of the site's origins" if origin is None else f"in another place than origin {origin!r}"


def _key(kind: Kind, storage: Any, name: str) -> str:
    """Return the object key of `name` as the storage spells it, its location included.

    Raises KeyRefused for a name that leaves the location or that the storage cannot hold, and for an object that it
    reads with a key of the client's (SSE-C).
    """
    from storages.utils import clean_name

    try:
        key: str = getattr(storage, kind.key)(clean_name(name))
    except (SuspiciousOperation, ValueError) as error:
        what = f"{name!r} is outside the storage's location, or a name that it cannot store"
        raise KeyRefused(what, where="file", remedy="Check where the name came from.") from error
    if kind.is_s3 and not SSE_C.isdisjoint(storage.get_object_parameters(key)):
        what = f"{name!r} is read with a key of the client's (SSE-C), which NGINX cannot send"
        raise KeyRefused(what, where="file", remedy="Store the objects with SSE-S3 or SSE-KMS.")
    return key

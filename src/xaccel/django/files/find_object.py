"""Find the object that a call of `send_file` asks for."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol
from urllib.parse import quote

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db.models.fields.files import FieldFile
from django.utils.functional import LazyObject

from xaccel import urls
from xaccel.django.files.signed_urls import LEAST_S, Kind, StorageNotDescribed, UrlPlace, kind_of
from xaccel.django.files.storages import NO_SSE_C, SSE_C, describe_place, not_described, unwrapped
from xaccel.errors import KeyRefused, OriginNotAllowed
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.places import base_url
from xaccel.options import Url
from xaccel.sender import Sender
from xaccel.site.buckets import covers, covers_many
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, S3Origin

FileOrKey = FieldFile | str | None

_MANY = "*"
"""Instead of a bucket: the origins that cover many."""


class Objects:
    """The objects of a site's storages. Thread-safe.

    Each storage has one `Files`: of a storage that an origin names it is chosen when the server starts, of another one
    when its first file is sent. They are kept by identity, and weakly: a project may compare storages by their
    settings, and may make one for each tenant.

    aliases: by origin, the alias of STORAGES that it names.
    """

    def __init__(self, sender: Sender, aliases: Mapping[str, str]) -> None:
        self._sender = sender
        origins = sender.site.origins
        self._aliases = {alias for name, alias in aliases.items() if name in origins}
        self._made_by = {
            name: alias for name, alias in aliases.items() if isinstance(origins.get(name), HTTPOrigin)
        }
        self._known: dict[int, tuple[weakref.ref[Storage], Files]] = {}

    def find_all(self) -> None:
        """Choose the `Files` of each storage that an origin names, so that no request does."""
        for alias in self._aliases:
            self._files_of(unwrapped(storages[alias]))

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
                raise KeyRefused(
                    "the file field is empty",
                    where="file",
                    remedy="Answer 404 where there is no file, or upload one.",
                )
            storage = file_or_key.storage
            if isinstance(storage, LazyObject):
                storage = unwrapped(storage)
            try:
                return self._files_of(storage).object_of(storage, file_or_key.name, origin, bucket)
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
            entry = self._known.get(id(unwrapped(file_or_key.storage)))
            return entry is not None and not isinstance(entry[1], _FilesOfUnknownKind)
        return True

    def _files_of(self, storage: Storage) -> Files:
        slot = id(storage)
        entry = self._known.get(slot)
        if entry is not None and entry[0]() is storage:
            return entry[1]
        files = self._choose(storage)
        self._known[slot] = weakref.ref(storage, lambda _: self._known.pop(slot, None)), files
        return files

    def _choose(self, storage: Storage) -> Files:
        kind = kind_of(storage)
        if kind is None and not isinstance(storage, FileSystemStorage):
            return _FilesOfUnknownKind(self._sender)
        place = None if kind is None else kind.place(storage, "file")
        if kind is None or place is None:
            return self._in_places(storage)
        return _FilesWithUrls(self._sender, kind, place, self._in_places if kind.is_s3 else None)

    def _in_places(self, storage: Storage) -> Files:
        own = describe_place(storage, "file")
        found: list[tuple[int, bool, _Match]] = []
        for name in self._near(own):
            origin = self._sender.site.origins[name]
            match = _match(name, origin, own)
            if match is not None:
                found.append((len(match.prefix) - len(match.inside), not covers_many(origin), match))
        matches = tuple(match for *_, match in sorted(found, key=lambda row: row[:2], reverse=True))
        return _FilesInPlaces(matches, kind_of(storage))

    def _near(self, own: S3Origin | LocalOrigin) -> Iterator[str]:
        """Yield the origins that may hold the files of a storage."""
        if isinstance(own, LocalOrigin):
            parts = own.root.rstrip("/").split("/")
            places = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        else:
            places = [own.bucket, _MANY]
        for place in places:
            yield from self._by_place.get(place, ())

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
                    f"the storage {alias!r} calls {ref.key!r} otherwise, so that it would be another object",
                    where="key",
                    remedy="Give the key as the storage spells it, without '//', '.' and '..'.",
                )
            return url

        return dataclasses.replace(ref, url=make)


class Files(Protocol):
    """The files of one storage."""

    def object_of(self, storage: Storage, name: str, origin: str | None, bucket: str | None) -> ObjectRef:
        """Return the object of the file that `storage` calls `name`; `origin` and `bucket` are what the call names.

        Raises KeyRefused, and OriginNotAllowed for a file in another place.
        """


class _FilesInPlaces:
    """Files in directories and buckets that origins of the site hold; the nearest origin is first."""

    def __init__(self, matches: tuple[_Match, ...], kind: Kind | None) -> None:
        self._matches = matches
        self._kind = kind

    def object_of(self, storage: Storage, name: str, origin: str | None, bucket: str | None) -> ObjectRef:
        key = name if self._kind is None else _key(self._kind, storage, name)
        for match in self._matches:
            if (
                origin in (None, match.name)
                and bucket in (None, match.bucket)
                and key.startswith(match.prefix)
            ):
                return ObjectRef(
                    match.name,
                    match.inside + key.removeprefix(match.prefix),
                    bucket=match.bucket,
                    stand_in=match.origin,
                )
        raise OriginNotAllowed(
            f"the storage of this file ({type(storage).__qualname__}) lies in "
            + (
                "none of the site's origins"
                if origin is None and bucket is None
                else f"another place than origin {origin!r}"
                if bucket is None
                else f"another place than bucket {bucket!r}"
            ),
            where="file",
            remedy='Add {"storage": "<its alias in STORAGES>"} to XACCEL["ORIGINS"], print the NGINX text again and'
            " reload NGINX.",
        )


class _FilesWithUrls:
    """Files behind URLs that a known SDK makes; of S3 with a domain, the bucket itself may be an origin instead."""

    def __init__(
        self, sender: Sender, kind: Kind, place: UrlPlace, in_bucket: Callable[[Storage], Files] | None
    ) -> None:
        self._sender = sender
        self._kind = kind
        self._place = place
        self._in_bucket = in_bucket
        self._bucket: Files | None = None

    def object_of(self, storage: Storage, name: str, origin: str | None, bucket: str | None) -> ObjectRef:
        url = self._place.root + quote(_key(self._kind, storage, name), safe="/")
        try:
            found, key = _below(self._sender, url, origin)
        except OriginNotAllowed:
            if self._in_bucket is None:
                raise
            if self._bucket is None:
                self._bucket = self._in_bucket(storage)
            return self._bucket.object_of(storage, name, origin, bucket)
        return ObjectRef(found, key, bucket=bucket, url=partial(self._kind.url, storage, name))


class _FilesOfUnknownKind:
    """Files of a storage that is asked for the URL of each."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def object_of(self, storage: Storage, name: str, origin: str | None, bucket: str | None) -> ObjectRef:
        try:
            url = storage.url(name)
        except NotImplementedError:
            url = ""
        if not isinstance(url, str) or not url.lower().startswith(("https://", "http://")):
            raise not_described(storage, "file")
        found, key = _below(self._sender, url, origin)
        stand_in = self._sender.site.origin(found)
        # What a storage adds to the name of its own file is a signature.
        if isinstance(stand_in, HTTPOrigin) and stand_in.expires_s is None and "?" in url:
            signed = dataclasses.replace(stand_in, expires_s=LEAST_S)
            return ObjectRef(found, key, bucket=bucket, url=url, stand_in=signed)
        return ObjectRef(found, key, bucket=bucket, url=url)


def _key(kind: Kind, storage: Any, name: str) -> str:
    """Return the object key of `name` as the storage spells it, its location included.

    Raises KeyRefused for a name that leaves the location or that the storage cannot hold, and for an object that it
    reads with a key of the client's (SSE-C).
    """
    from storages.utils import clean_name

    try:
        key: str = getattr(storage, kind.key)(clean_name(name))
    except (SuspiciousOperation, ValueError) as error:
        raise KeyRefused(
            f"{name!r} lies outside of the storage's location, or is no name that it can hold",
            where="file",
            remedy="Look where the name came from.",
        ) from error
    if kind.is_s3 and not SSE_C.isdisjoint(storage.get_object_parameters(key)):
        raise KeyRefused(
            f"{name!r} is read with a key of the client's (SSE-C), which NGINX cannot send",
            where="file",
            remedy=NO_SSE_C,
        )
    return key


def _below(sender: Sender, url: str, wanted: str | None) -> tuple[str, str]:
    """Return the HTTP origin, and the key in it, of the URL of a file."""
    try:
        name = wanted or sender.places.origin_of_url(url)
        if isinstance(sender.site.origin(name), HTTPOrigin):
            return name, sender.places.key_of_url(name, url)
    except OriginNotAllowed as refused:
        raise _not_allowed(url, wanted) from refused
    raise _not_allowed(url, wanted)


def _not_allowed(url: str, wanted: str | None) -> OriginNotAllowed:
    host = urls.authority(url.partition("?")[0])
    return OriginNotAllowed(
        f"the URL of the file, at {host}, lies "
        + (
            "below none of the site's HTTP origins"
            if wanted is None
            else f"in another place than origin {wanted!r}"
        ),
        where="file",
        remedy='If NGINX may ask there, add {"storage": "<its alias in STORAGES>"} to XACCEL["ORIGINS"], or, for a'
        ' storage that xaccel cannot read, {"type": "http", "base_url": "<what its URLs'
        ' begin with>"}; print the NGINX text again and reload NGINX.',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """An origin of the site that holds the files of a storage.

    origin: with the storage's own credentials; None: with the site's.
    prefix: text before the storage's object keys that the origin's prefix or root stands for already.
    inside: text to put before them.
    """

    name: str
    bucket: str | None = None
    origin: Origin | None
    prefix: str
    inside: str = ""


def _match(name: str, origin: Origin, own: S3Origin | LocalOrigin) -> _Match | None:
    if isinstance(origin, LocalOrigin) and isinstance(own, LocalOrigin):
        root, location = origin.root.rstrip("/") + "/", own.root.rstrip("/") + "/"
        return _Match(name=name, origin=None, prefix="", inside=location.removeprefix(root))
    if not isinstance(origin, S3Origin) or not isinstance(own, S3Origin):
        return None
    if covers_many(origin) and not covers(origin.bucket, own.bucket):
        return None
    if base_url(own) != base_url(origin, own.bucket):
        return None
    signing = dataclasses.replace(
        origin,
        region=own.region,
        endpoint_url=own.endpoint_url,
        addressing_style=own.addressing_style,
        use_dualstack_endpoint=own.use_dualstack_endpoint,
        use_fips_endpoint=own.use_fips_endpoint,
        use_accelerate_endpoint=own.use_accelerate_endpoint,
        request_payer=own.request_payer or origin.request_payer,
        profile=own.profile,
        access_key=own.access_key,
        secret_key=own.secret_key,
        session_token=own.session_token,
    )
    return _Match(
        name=name,
        bucket=own.bucket,
        origin=None if signing == origin else signing,
        prefix=origin.prefix,
    )

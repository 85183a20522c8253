"""Which origin and which object a call of send_file means."""

from __future__ import annotations

import dataclasses
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.files.storage import Storage
from django.db.models.fields.files import FieldFile

from xaccel.django.conf import Configuration
from xaccel.django.files import storages
from xaccel.django.files.url_place import makes_urls, url_of_file, url_of_key
from xaccel.errors import ConfigError, OriginNotAllowed
from xaccel.sender import Sender, Url
from xaccel.site.buckets import covers, covers_many
from xaccel.site.origins import LocalOrigin, Origin, S3Origin

if TYPE_CHECKING:
    FileOrKey = FieldFile | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What to send: the object `key` of the origin called `name`, or a `url` below its base, stored or to be made.

    bucket: which of the buckets of an origin that covers many.
    origin: the same place with a storage's own credentials; None: with the site's.
    """

    name: str
    key: str = ""
    bucket: str | None = None
    url: Url | None = dataclasses.field(default=None, repr=False)
    origin: Origin | None = dataclasses.field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """An origin of the site that holds the files of a storage.

    prefix: text before the storage's object keys that the origin's prefix or root stands for already.
    inside: text to put before them.
    """

    name: str
    bucket: str | None = None
    origin: Origin | None
    prefix: str
    inside: str = ""


class StorageMatches:
    """The origins that hold a storage's files, found once for each storage and sender.

    By identity, and weakly: a project may compare storages by their settings, and may make one for each tenant.
    """

    def __init__(self) -> None:
        self._known: dict[
            tuple[int, int], tuple[weakref.ref[Storage], weakref.ref[Sender], tuple[_Match, ...]]
        ] = {}

    def get(self, sender: Sender, storage: Storage) -> tuple[_Match, ...] | None:
        """Return what `find` found before, or None."""
        entry = self._known.get((id(sender), id(storage)))
        if entry is None or entry[0]() is not storage or entry[1]() is not sender:
            return None
        return entry[2]

    def find(self, sender: Sender, storage: Storage) -> tuple[_Match, ...]:
        """Return the origins, the one that is nearest to the files first. May take 0.1 s, once."""
        matches = self.get(sender, storage)
        if matches is None:
            matches = _matches(sender, storage)
            slot = (id(sender), id(storage))

            def forget(_: object) -> None:
                self._known.pop(slot, None)

            self._known[slot] = (weakref.ref(storage, forget), weakref.ref(sender, forget), matches)
        return matches


_matches_of = StorageMatches()


def find_place(
    conf: Configuration,
    file_or_key: FileOrKey,
    *,
    origin: str | None,
    url: Url | None,
    bucket: str | None = None,
) -> Place:
    """Return what a call means. Asks no storage; may take 0.1 s for the first call that meets an S3 place.

    A storage of a kind that nobody here knows is asked for its `url()`.

    Raises TypeError for arguments that name nothing or two things, KeyRefused, OriginUnknown and OriginNotAllowed.
    """
    sender = conf.sender
    if (file_or_key is None) == (url is None):
        raise TypeError("send_file takes a file or an object key, or url=, and not both")
    if url is not None:
        if origin is None:
            if not isinstance(url, str):
                raise TypeError(
                    "a function that makes the URL needs origin=, which says whether NGINX keeps files"
                )
            origin = sender.origin_of_url(url)
        return Place(name=origin, url=url, bucket=bucket)
    if isinstance(file_or_key, FieldFile):
        return _place_of_file(sender, file_or_key, origin, bucket)
    if not isinstance(file_or_key, str):
        raise TypeError(f"send_file takes a FieldFile or an object key, not {type(file_or_key).__name__}")
    name = sender.site.only_origin() if origin is None else origin
    made = url_of_key(sender, name, conf.aliases.get(name), file_or_key)
    return Place(name=name, key=file_or_key, url=made, bucket=bucket)


def place_is_known(sender: Sender, file_or_key: FileOrKey, *, url: Url | None) -> bool:
    """Tell whether `find_place` will only look at memory."""
    if isinstance(url, str):
        return sender.knows_places
    if isinstance(file_or_key, FieldFile):
        if makes_urls(storages.unwrapped(file_or_key.storage)):
            return False
        return _matches_of.get(sender, storages.unwrapped(file_or_key.storage)) is not None
    return True


def _place_of_file(sender: Sender, file: FieldFile, wanted: str | None, bucket: str | None) -> Place:
    storage = storages.unwrapped(file.storage)
    key = storages.object_key(storage, file.name or "")
    if wanted is not None:
        sender.site.origin(wanted)
    made = url_of_file(sender, storage, file.name or "", key, wanted)
    if made is not None:
        return Place(name=made.name, key=made.key, url=made.url, origin=made.origin, bucket=bucket)
    for match in _matches_of.find(sender, storage):
        if wanted in (None, match.name) and bucket in (None, match.bucket) and key.startswith(match.prefix):
            return Place(
                name=match.name,
                key=match.inside + key.removeprefix(match.prefix),
                bucket=match.bucket,
                origin=match.origin,
            )
    raise OriginNotAllowed(
        f"the storage of this file ({type(storage).__qualname__}) lies in "
        + (
            "none of the site's origins"
            if wanted is None and bucket is None
            else f"another place than origin {wanted!r}"
            if bucket is None
            else f"another place than bucket {bucket!r}"
        ),
        where="file",
        remedy='Add {"storage": "<its alias in STORAGES>"} to XACCEL["ORIGINS"], print the NGINX text again and'
        " reload NGINX.",
    )


def _matches(sender: Sender, storage: Storage) -> tuple[_Match, ...]:
    try:
        own = storages.describe_place(storage, "file")
    except ConfigError as problem:
        raise OriginNotAllowed(problem.what, where=problem.where, remedy=problem.remedy) from problem
    found: list[tuple[int, bool, _Match]] = []
    for name in _index_of(sender).names(own):
        origin = sender.site.origins[name]
        match = (
            _local_match(name, origin, own)
            if isinstance(own, LocalOrigin)
            else _s3_match(sender, name, origin, own)
        )
        if match is not None:
            found.append((len(match.prefix) - len(match.inside), not covers_many(origin), match))
    return tuple(match for *_, match in sorted(found, key=lambda row: row[:2], reverse=True))


class _Index:
    """The origins that may hold the files of a storage, by bucket or directory: not one by one."""

    def __init__(self, sender: Sender) -> None:
        self._buckets: dict[str, list[str]] = {}
        self._patterns: list[tuple[str, str]] = []
        self._roots: dict[str, list[str]] = {}
        for name, origin in sender.site.origins.items():
            if isinstance(origin, LocalOrigin):
                self._roots.setdefault(origin.root.rstrip("/"), []).append(name)
            elif isinstance(origin, S3Origin):
                if covers_many(origin):
                    self._patterns.append((origin.bucket, name))
                else:
                    self._buckets.setdefault(origin.bucket, []).append(name)

    def names(self, own: S3Origin | LocalOrigin) -> list[str]:
        if isinstance(own, LocalOrigin):
            parts = own.root.rstrip("/").split("/")
            parents = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
            return [name for parent in parents for name in self._roots.get(parent, ())]
        many = [name for pattern, name in self._patterns if covers(pattern, own.bucket)]
        return [*self._buckets.get(own.bucket, ()), *many]


_indexes: weakref.WeakKeyDictionary[Sender, _Index] = weakref.WeakKeyDictionary()


def _index_of(sender: Sender) -> _Index:
    index = _indexes.get(sender)
    if index is None:
        index = _indexes[sender] = _Index(sender)
    return index


def _local_match(name: str, origin: Origin, own: LocalOrigin) -> _Match | None:
    if not isinstance(origin, LocalOrigin):
        return None
    root, location = origin.root.rstrip("/") + "/", own.root.rstrip("/") + "/"
    if not location.startswith(root):
        return None
    return _Match(name=name, origin=None, prefix="", inside=location.removeprefix(root))


def _s3_match(sender: Sender, name: str, origin: Origin, own: S3Origin) -> _Match | None:
    if not isinstance(origin, S3Origin) or sender.base_url(own) != sender.base_url(origin, own.bucket):
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

"""The object of a file or of a key: the kind of its storage, and where the storage keeps it.

Everything is read from the storage at each call: a property may depend on the request, for example on its tenant. The
caches have the values that were read as their keys, never the storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pkgutil import resolve_name
from typing import Any, NamedTuple

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage
from django.db.models.fields.files import FieldFile
from django.utils.functional import LazyObject

from xaccel import urls
from xaccel.errors import ConfigError, KeyRefused, OriginNotAllowed
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.places import Places
from xaccel.options import Url
from xaccel.sender import Sender
from xaccel.signing.endpoint import may_wait
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin

FileOrKey = FieldFile | str | None

_KINDS = {
    "django.core.files.storage.filesystem.FileSystemStorage": "xaccel.django.files.kinds:Directory",
    "storages.backends.s3.S3Storage": "xaccel.django.files.buckets:Bucket",
    "storages.backends.gcloud.GoogleCloudStorage": "xaccel.django.files.clouds:Google",
    "storages.backends.azure_storage.AzureStorage": "xaccel.django.files.clouds:Azure",
}
_UNKNOWN = "xaccel.django.files.kinds:Kind"
"""The kinds of storages. A worker loads none before its first file of a FileField."""


class StoredFile(NamedTuple):
    """A file by its name in a storage, with the origin and the bucket that the call names.

    is_key: the name is an object key, which the storage would not normalise.
    """

    places: Places
    storage: Any
    name: str
    origin: str | None
    bucket: str | None
    is_key: bool

    def in_place(self, place: S3Origin | LocalOrigin, key: str) -> ObjectRef:
        """Return the object with a key in the directory or bucket of the storage. Raises OriginNotAllowed."""
        base, matches = self.places.at(place)
        whole = base + key
        for root, ref in matches:
            is_asked = self.origin in (None, ref.origin) and self.bucket in (None, ref.bucket)
            if is_asked and whole.startswith(root):
                return ObjectRef(ref.origin, whole[len(root) :], bucket=ref.bucket, stand_in=ref.stand_in)
        raise self._elsewhere("in none of the site's origins")

    def below(self, url: str) -> ObjectRef:
        """Return the object of an HTTP origin that has this URL of the file. Raises OriginNotAllowed."""
        with suppress(OriginNotAllowed):
            name = self.origin or self.places.origin_of_url(url)
            if isinstance(self.places.site.origin(name), HTTPOrigin):
                return ObjectRef(name, self.places.key_of_url(name, url), bucket=self.bucket)
        host = urls.authority(url.partition("?")[0])
        raise self._elsewhere(f"at {host}, below none of the site's HTTP origins")

    def _elsewhere(self, everywhere: str) -> OriginNotAllowed:
        named = f"origin {self.origin!r}" if self.bucket is None else f"bucket {self.bucket!r}"
        is_named = self.origin is not None or self.bucket is not None
        where = f"in another place than {named}" if is_named else everywhere
        what = f"the storage of this file ({type(self.storage).__qualname__}) is {where}"
        remedy = (
            'If NGINX may request it, add {"storage": "<its alias in STORAGES>"} to XACCEL["ORIGINS"]. For a storage'
            ' that xaccel cannot read, add {"type": "http", "base_url": "<what its URLs begin with>"}. Then generate'
            " the NGINX configuration again, and reload NGINX."
        )
        return OriginNotAllowed(what, where="file", remedy=remedy)


class Objects:
    """The objects of a site's storages. Thread-safe.

    signing: by origin, the storage that signs for it.
    """

    def __init__(self, sender: Sender, signing: Mapping[str, Storage]) -> None:
        self._sender, self._signing = sender, signing

    def find(
        self, file_or_key: FileOrKey, *, origin: str | None, bucket: str | None = None, url: Url | None = None
    ) -> ObjectRef:
        """Return the object that a call asks for.

        It makes no request, but asks an unknown kind of storage for its `url()`. A bucket's first call may take 0.1 s.

        Raises TypeError for arguments that name nothing or two things, KeyRefused, OriginUnknown and OriginNotAllowed.
        """
        storage: Any
        name: Any = file_or_key
        if isinstance(file_or_key, FieldFile) and url is None:
            if origin is not None:
                self._sender.site.origin(origin)
            storage, name, is_key = file_or_key.storage, file_or_key.name, False
            if not name:
                remedy = "Respond with 404 if there is no file, or upload one."
                raise KeyRefused("the file field is empty", where="file", remedy=remedy)
        elif isinstance(file_or_key, FieldFile | str | None):
            ref = self._sender.refer(name, origin=origin, bucket=bucket, url=url)
            if url is not None or ref.origin not in self._signing:
                return ref
            storage, is_key, origin = self._signing[ref.origin], True, ref.origin
        else:
            raise TypeError(f"send_file takes a FieldFile or an object key, not {type(file_or_key).__name__}")
        kind = kind_of(storage.__class__)  # makes a lazy storage such as `default_storage`
        lazy = type(storage)
        if isinstance(storage, LazyObject):
            storage = storage._wrapped
        if kind.is_slow:
            may_wait()
        try:
            is_other = lazy is not type(storage) or not vars(storage).keys().isdisjoint(kind.methods)
            if not is_key and (kind.unread or is_other):
                kind.require_stored_bytes(storage, lazy)
            stored: ObjectRef = kind.object_of(
                StoredFile(self._sender.places, storage, name, origin, bucket, is_key)
            )
        except ConfigError as error:
            if error.where != "storage":
                raise
            raise OriginNotAllowed(error.what, where="file", remedy=error.remedy) from error
        except SuspiciousOperation as error:
            what = f"{name!r} is outside the storage's location, or a name that it cannot store"
            raise KeyRefused(what, where="file", remedy="Check where the name came from.") from error
        return stored


@lru_cache(maxsize=1024)
def kind_of(cls: Any) -> Any:
    """Return the kind (`kinds.Kind`) of a class of storages, without loading what other kinds need."""
    path, known = _UNKNOWN, Storage
    for base in reversed(cls.__mro__):
        name = f"{base.__module__}.{base.__qualname__}"
        if name in _KINDS:
            path, known = _KINDS[name], base
    return resolve_name(path)(cls, known)

"""The object of a file: the kind of its storage, where the storage keeps it, and the origin that has it.

Everything is read from the storage at each call: a property may depend on the request, for example on its tenant. The
caches have the values that were read as their keys, never the storage.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, ClassVar, cast
from urllib.parse import quote

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage, storages
from django.db.models.fields.files import FieldFile
from django.utils.functional import LazyObject, empty

from xaccel import urls
from xaccel.django.files.origins_of_files import KEYS, RELOAD, Match, OriginsOfFiles, Wanted, elsewhere
from xaccel.errors import ConfigError, KeyRefused, OriginNotAllowed
from xaccel.handoff.objects import ObjectRef
from xaccel.options import Url
from xaccel.sender import Sender
from xaccel.signing.endpoint import may_wait
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, S3Origin
from xaccel.site.rules import is_other_kind
from xaccel.site.setting import problem

FileOrKey = FieldFile | str | None

LEAST_S = 120
"""Seconds that a signature lives where the storage does not say."""

_SSE_C = frozenset(("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"))
"""Parameters of objects that are encrypted with a key of the client's."""


class StorageNotDescribed(ConfigError):
    """A storage of a kind, or in a state, that no origin can stand for."""


def not_described(place: str, name: str, /, **values: object) -> StorageNotDescribed:
    """Return an error of the table [wrong] in settings.toml."""
    return problem(place, name, StorageNotDescribed, **values)


class Objects:
    """The objects of a site's storages. Thread-safe.

    aliases: by origin, the alias of STORAGES that signs for it.
    """

    def __init__(self, sender: Sender, aliases: Mapping[str, str]) -> None:
        self._refer = sender.refer
        self._origins = OriginsOfFiles(sender)
        self._aliases = aliases

    def find(
        self, file_or_key: FileOrKey, *, origin: str | None, bucket: str | None = None, url: Url | None = None
    ) -> ObjectRef:
        """Return the object that a call asks for.

        It makes no request, but a storage of an unknown kind is asked for its `url()`. The first call for a bucket may
        take 0.1 s.

        Raises TypeError for arguments that name nothing or two things, KeyRefused, OriginUnknown and OriginNotAllowed.
        """
        if isinstance(file_or_key, FieldFile) and url is None:
            if origin is not None:
                self._origins.origin(origin)
            if not file_or_key.name:
                remedy = "Respond with 404 if there is no file, or upload one."
                raise KeyRefused("the file field is empty", where="file", remedy=remedy)
            storage = file_or_key.storage
            if isinstance(storage, LazyObject):
                storage = unwrapped(storage)
            try:
                wanted = Wanted(file_or_key.name, origin, bucket)
                return kind_of(type(storage)).object_of(self._origins, storage, wanted)
            except StorageNotDescribed as problem:
                raise OriginNotAllowed(problem.what, where=problem.where, remedy=problem.remedy) from problem
        if not isinstance(file_or_key, FieldFile | str | None):
            raise TypeError(f"send_file takes a FieldFile or an object key, not {type(file_or_key).__name__}")
        key: Any = file_or_key
        ref = self._refer(key, origin=origin, bucket=bucket, url=url)
        if url is not None or ref.origin not in self._aliases:
            return ref
        storage = unwrapped(storages[self._aliases[ref.origin]])
        return kind_of(type(storage)).signed(self._origins, storage, ref)


def _in_places(matches: list[Match], key: str, storage: Any, wanted: Wanted) -> ObjectRef:
    """Find a key in the directories and buckets of the site's origins."""
    _, origin, bucket = wanted
    for prefix, ref in matches:
        if origin in (None, ref.origin) and bucket in (None, ref.bucket) and key.startswith(prefix):
            inside = ref.key + key.removeprefix(prefix)
            return ObjectRef(ref.origin, inside, bucket=ref.bucket, stand_in=ref.stand_in)
    raise OriginNotAllowed(
        f"the storage of this file ({type(storage).__qualname__}) is {elsewhere(origin, bucket)}",
        where="file",
        remedy=f'Add {{"storage": "<its alias in STORAGES>"}} to XACCEL["ORIGINS"], {RELOAD}',
    )


class Kind:
    """A kind of storage, for one class of storages. This one is for classes that xaccel does not know.

    place: attributes that decide the place or another setting of an origin. client: what the storage makes at its first
    use, from the attributes `kept`. computed: which of all these, and which methods, the project's own classes define,
    so that another request may get another value.
    """

    place: ClassVar[str] = ""
    client: ClassVar[str] = ""
    kept: ClassVar[str] = ""

    def __init__(self, cls: type[Storage]) -> None:
        self.name = f"{cls.__module__}.{cls.__qualname__}"
        values, methods = f"{self.place} {self.kept} {' '.join(KEYS.values())}".split(), _METHODS.split()
        own = [
            base
            for base in cls.__mro__[:-1]
            if not f"{base.__module__}.".startswith(("django.", "storages."))
        ]
        owners = {
            name: next((base for base in cls.__mro__ if name in vars(base)), None)
            for name in values + methods
        }
        self.computed = {
            name for name, owner in owners.items() if owner in own and hasattr(vars(owner)[name], "__get__")
        }
        if any({"__getattr__", "__getattribute__"} & vars(base).keys() for base in own):
            self.computed.update(values)

    def require_own_client(self, where: str) -> None:
        """Raise StorageNotDescribed if what is made for the first request would serve all tenants."""
        names = sorted(self.computed & set(self.kept.split()))
        if names and self.client not in self.computed:
            words = {"kind": self.name, "names": ", ".join(names), "client": self.client}
            raise not_described(where, "storage_client", **words)

    def describe(self, storage: Any, where: str) -> Origin:
        """Return the origin that an entry of ORIGINS means which names the storage.

        `where` names the storage in errors. Raises StorageNotDescribed.
        """
        raise not_described(where, "unknown_storage", kind=self.name)

    def object_of(self, origins: OriginsOfFiles, storage: Any, wanted: Wanted) -> ObjectRef:
        """Return the object of a file. Raises OriginNotAllowed, KeyRefused and StorageNotDescribed."""
        may_wait()
        try:
            url = storage.url(wanted.name)
        except NotImplementedError:
            url = ""
        if not isinstance(url, str) or not url.lower().startswith(("https://", "http://")):
            raise not_described("file", "unknown_storage", kind=self.name)
        ref = origins.below(url, wanted)
        origin, signed = origins.origin(ref.origin), None
        # What a storage adds to the name of its own file is a signature.
        if isinstance(origin, HTTPOrigin) and origin.expires_s is None and "?" in url:
            signed = dataclasses.replace(origin, expires_s=LEAST_S)
        return dataclasses.replace(ref, url=url, stand_in=signed)

    def signed(self, origins: OriginsOfFiles, storage: Any, ref: ObjectRef) -> ObjectRef:
        """Return `ref`, whose origin names the storage, as the storage signs it."""
        return ref


_METHODS = (
    "path url bucket connection client service_client _normalize_name _get_valid_path get_object_parameters"
)


class Directory(Kind):
    """Django's FileSystemStorage."""

    place = "location base_location"
    client, kept = "location", "base_location"

    def describe(self, storage: Any, where: str) -> LocalOrigin:
        """Return the storage's directory."""
        self.require_own_client(where)
        if not storage.base_location:
            raise not_described(where, "storage_without_location")
        return _directory(str(storage.location))

    def object_of(self, origins: OriginsOfFiles, storage: Any, wanted: Wanted) -> ObjectRef:
        """Return the file in the nearest directory of an origin."""
        if self.computed:
            may_wait()
        root, name = self.describe(storage, "file").root, wanted.name
        if "path" in self.computed:
            root, name = os.path.split(key_of(storage.path, name))
        return _in_places(origins.matches(_directory, root), name, storage, wanted)


def _directory(root: str) -> LocalOrigin:
    return LocalOrigin(root=root)


class SignedByItsSDK(Kind):
    """A storage of django-storages whose own SDK makes URLs.

    It uses the methods of django-storages, also for a subclass whose `url()` names a view of the project.
    """

    def base(self, storage: Any, where: str) -> HTTPOrigin:
        """Return where the storage's URLs begin, without its location. Raises StorageNotDescribed."""
        raise NotImplementedError

    def url(self, storage: Any, name: str, method: str) -> str:
        """Make the URL of a name for "GET" or "HEAD", or raise CredentialsUnavailable."""
        raise NotImplementedError

    def describe(self, storage: Any, where: str) -> Origin:
        """Return the HTTP origin of the storage's URLs."""
        base = self.base(storage, where)
        return dataclasses.replace(base, base_url=base.base_url + urls.quote_prefix(prefix_of(storage)))

    def object_of(self, origins: OriginsOfFiles, storage: Any, wanted: Wanted) -> ObjectRef:
        """Return the object below the URLs of an HTTP origin."""
        from storages.utils import clean_name

        return self.below(origins, storage, wanted, key_of(storage._normalize_name, clean_name(wanted.name)))

    def below(self, origins: OriginsOfFiles, storage: Any, wanted: Wanted, key: str) -> ObjectRef:
        """Return the object of an object key, location included, below the URLs of an HTTP origin."""
        ref = origins.below(self.base(storage, "file").base_url + quote(key, safe="/"), wanted)
        return origins.made_by(partial(self.url, storage, wanted.name), ref)

    def signed(self, origins: OriginsOfFiles, storage: Any, ref: ObjectRef) -> ObjectRef:
        """Return `ref` with the URL that the SDK makes."""
        return origins.made_by(partial(self.url, storage, ref.key), ref)


class Bucket(SignedByItsSDK):
    """S3Storage. A domain without signatures is for public files, so NGINX requests from the bucket behind it."""

    place = (
        "bucket_name location region_name endpoint_url client_config object_parameters verify session_profile"
        " custom_domain url_protocol querystring_auth querystring_expire cloudfront_signer"
    )

    def __init__(self, cls: type[Storage]) -> None:
        super().__init__(cls)
        name, *others = _S3_VALUES
        # It makes a boto3 resource for each thread, which takes 0.3 s.
        only_bucket = "bucket" in self.computed and name not in self.computed
        self._values = attrgetter("bucket.name" if only_bucket else name, *others)

    def base(self, storage: Any, where: str) -> HTTPOrigin:
        """Return the domain."""
        signed = storage.querystring_auth and storage.cloudfront_signer
        root = f"{storage.url_protocol}//{storage.custom_domain}/"
        return HTTPOrigin(base_url=root, expires_s=storage.querystring_expire if signed else None)

    def url(self, storage: Any, name: str, method: str) -> Any:
        """Make the URL of the domain. CloudFront's signature does not say for which method it is."""
        from storages.backends.s3 import S3Storage

        return S3Storage.url(storage, name)

    def describe(self, storage: Any, where: str) -> Origin:
        """Return the origin of a domain with a signature, else the bucket with the storage's keys."""
        if storage.custom_domain and self.base(storage, where).expires_s is not None:
            return super().describe(storage, where)
        if not _SSE_C.isdisjoint(storage.object_parameters):
            raise not_described(where, "storage_sse_c")
        # A computed key belongs to a request, and now there is none.
        values = [None if name in self.computed else getattr(storage, name) for name in _S3_VALUES]
        bucket = _bucket(*values, storage.object_parameters.get("RequestPayer"), where=where)
        return dataclasses.replace(
            bucket,
            prefix=prefix_of(storage),
            ca_file=storage.verify if isinstance(storage.verify, str) else None,
            verify_tls=storage.verify is not False,
        )

    def object_of(self, origins: OriginsOfFiles, storage: Any, wanted: Wanted) -> ObjectRef:
        """Return the object behind the domain if it is an origin, else in the bucket."""
        from storages.utils import clean_name

        if self.computed:
            may_wait()
        key = key_of(storage._normalize_name, clean_name(wanted.name))
        if not _SSE_C.isdisjoint(storage.get_object_parameters(key)):
            what = f"{wanted.name!r} is read with a key of the client's (SSE-C), which NGINX cannot send"
            raise KeyRefused(what, where="file", remedy="Store the objects with SSE-S3 or SSE-KMS.")
        if storage.custom_domain:
            with suppress(OriginNotAllowed):
                return self.below(origins, storage, wanted, key)
        payer = storage.object_parameters.get("RequestPayer")
        return _in_places(origins.matches(_bucket, *self._values(storage), payer), key, storage, wanted)

    def signed(self, origins: OriginsOfFiles, storage: Any, ref: ObjectRef) -> ObjectRef:
        """Return `ref` with the keys that the storage has now."""
        origin = origins.origin(ref.origin)
        if not isinstance(origin, S3Origin):
            return super().signed(origins, storage, ref)
        if self.computed:
            may_wait()
        keys: dict[str, Any] = {field: getattr(storage, name) or None for field, name in KEYS.items()}
        now = dataclasses.replace(origin, **keys)
        return ref if now == origin else dataclasses.replace(ref, stand_in=now)


_S3_VALUES = (
    "bucket_name region_name endpoint_url client_config session_profile access_key secret_key security_token"
).split()


def _bucket(
    bucket: str | None,
    region: str | None,
    endpoint_url: str | None,
    config: Any,
    profile: str | None,
    *keys_and_payer: str | None,
    where: str = "file",
) -> S3Origin:
    if not bucket:
        settings = "AWS_STORAGE_BUCKET_NAME or OPTIONS['bucket_name']"
        raise not_described(where, "unnamed_storage", kind="bucket", settings=settings)
    if is_other_kind(bucket):
        raise not_described(where, "other_bucket", value=bucket)
    *values, payer = keys_and_payer
    keys: dict[str, Any] = (
        {} if profile else dict(zip(KEYS, (value or None for value in values), strict=True))
    )
    s3 = getattr(config, "s3", None) or {}
    dualstack = getattr(config, "use_dualstack_endpoint", None)
    return S3Origin(
        bucket=bucket,
        region=region or getattr(config, "region_name", None),
        endpoint_url=endpoint_url or None,
        addressing_style=s3.get("addressing_style") or None,
        use_dualstack_endpoint=s3.get("use_dualstack_endpoint", dualstack),
        use_fips_endpoint=getattr(config, "use_fips_endpoint", None),
        use_accelerate_endpoint=s3.get("use_accelerate_endpoint"),
        request_payer=payer == "requester",
        profile=profile or None,
        **keys,
    )


def key_of(read: Callable[[str], str], name: str) -> str:
    """Return what `read` says for a name. Raises KeyRefused for a name that leaves the location or cannot be stored."""
    try:
        return read(name)
    except (SuspiciousOperation, ValueError) as error:
        what = f"{name!r} is outside the storage's location, or a name that it cannot store"
        raise KeyRefused(what, where="file", remedy="Check where the name came from.") from error


def prefix_of(storage: Any) -> str:
    location = storage.location.strip("/")
    return f"{location}/" if location else ""


def unwrapped(storage: Storage) -> Any:
    """Return the storage behind a lazy one such as `default_storage`."""
    if isinstance(storage, LazyObject):
        wrapper: Any = storage
        if wrapper._wrapped is empty:
            wrapper._setup()
        return unwrapped(wrapper._wrapped)
    return storage


KINDS: dict[tuple[str, str], type[Kind]] = {
    ("django.core.files.storage", "FileSystemStorage"): Directory,
    ("storages.backends.s3", "S3Storage"): Bucket,
}
"""By module and class. storages.py adds those of other clouds."""


def _kind_of(cls: type[Storage]) -> Kind:
    for (module, name), kind in KINDS.items():
        # A class cannot exist before the module of its base is loaded; importing it here would load an SDK for nothing.
        loaded = sys.modules.get(module)
        if loaded is not None and issubclass(cls, getattr(loaded, name)):
            return kind(cls)
    return Kind(cls)


# To mypy, a class is not hashable.
kind_of: Callable[[type[Storage]], Kind] = cast(Any, lru_cache(maxsize=1024)(_kind_of))
"""Returns the kind of a class of storages, without loading what other kinds need."""

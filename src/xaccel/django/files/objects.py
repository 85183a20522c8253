"""The object of a file or of a key: the kind of its storage, and where the storage keeps it.

Everything is read from the storage at each call: a property may depend on the request, for example on its tenant. The
caches have the values that were read as their keys, never the storage.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from pkgutil import resolve_name
from typing import Any, NamedTuple
from urllib.parse import quote

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage
from django.db.models.fields.files import FieldFile
from django.utils.functional import LazyObject

from xaccel import urls
from xaccel.errors import ConfigError, CredentialsUnavailable, KeyRefused, OriginNotAllowed
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.places import Places
from xaccel.options import Url
from xaccel.sender import Sender
from xaccel.signing.endpoint import may_wait, origin_options
from xaccel.site.origins import CREDENTIALS, HTTPOrigin, LocalOrigin, Origin, S3Origin
from xaccel.site.rules import is_other_kind
from xaccel.site.setting import problem

FileOrKey = FieldFile | str | None
LEAST_S = 120
"""Seconds that a signature lives where the storage does not say."""

_KINDS = {
    "django.core.files.storage.filesystem.FileSystemStorage": "xaccel.django.files.objects:_Directory",
    "storages.backends.s3.S3Storage": "xaccel.django.files.objects:_Bucket",
    "storages.backends.gcloud.GoogleCloudStorage": "xaccel.django.files.clouds:Google",
    "storages.backends.azure_storage.AzureStorage": "xaccel.django.files.clouds:Azure",
}
_SSE_C = frozenset(("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"))
"""Parameters of objects that are encrypted with a key of the client's."""


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
        if isinstance(storage, LazyObject):
            storage = storage._wrapped
        if kind.is_slow:
            may_wait()
        try:
            return kind.object_of(StoredFile(self._sender.places, storage, name, origin, bucket, is_key))
        except ConfigError as error:
            if error.where != "storage":
                raise
            raise OriginNotAllowed(error.what, where="file", remedy=error.remedy) from error
        except SuspiciousOperation as error:
            what = f"{name!r} is outside the storage's location, or a name that it cannot store"
            raise KeyRefused(what, where="file", remedy="Check where the name came from.") from error


class Kind:
    """A kind of storage, for one class of storages. This one is for classes that xaccel does not know.

    place: attributes that decide the place or another setting of an origin. client: what the storage makes at its first
    use, from the attributes `kept`. reads: other attributes and methods that are read. is_slow: reading may take long.
    known: the class of Django or django-storages. computed: which of all these names the project's own classes define,
    so that another request may get another value.
    """

    place = client = kept = reads = ""
    is_slow = True

    def __init__(self, cls: Any, known: Any) -> None:
        self.known, self.name = known, f"{cls.__module__}.{cls.__qualname__}"
        defined = {name: base for base in reversed(cls.__mro__[:-1]) for name in vars(base)}
        theirs = ("django.", "storages.", "xaccel.")
        own = {name for name, base in defined.items() if not base.__module__.startswith(theirs)}
        own = {name for name in own if hasattr(vars(defined[name])[name], "__get__")}
        values = {*self.place.split(), *self.kept.split()}
        if own.isdisjoint(("__getattr__", "__getattribute__")):
            values &= own
        self.computed = values | (own & {self.client, *self.reads.split()})
        self.is_slow = self.is_slow or bool(self.computed)

    def base(self, storage: Any) -> HTTPOrigin:
        """Return where the storage's URLs begin, without its location. Raises ConfigError."""
        raise problem("storage", "unknown_storage", kind=self.name)

    def origin_of(self, storage: Any) -> Origin:
        """Return the origin that an entry of ORIGINS means which names the storage. Raises ConfigError."""
        base = self.base(storage)
        return replace(base, base_url=base.base_url + urls.quote_prefix(_prefix_of(storage)))

    def object_of(self, file: StoredFile) -> ObjectRef:
        """Return the object of a name in the storage.

        Raises OriginNotAllowed, KeyRefused and ConfigError, and SuspiciousOperation for a name outside of it.
        """
        url = None
        with suppress(NotImplementedError):
            url = getattr(file.storage, "storage_url", file.storage.url)(file.name)
        if not isinstance(url, str) or not url.lower().startswith(("https://", "http://")):
            raise problem("storage", "unknown_storage", kind=self.name)
        ref = file.below(url)
        origin, signed = file.places.site.origin(ref.origin), None
        # What a storage adds to the name of its own file is a signature.
        if isinstance(origin, HTTPOrigin) and origin.expires_s is None and "?" in url:
            signed = replace(origin, expires_s=LEAST_S)
        return replace(ref, url=url, stand_in=signed)

    def require_own_client(self) -> None:
        """Raise ConfigError if what is made for the first request would serve all tenants."""
        names = ", ".join(sorted(self.computed & set(self.kept.split())))
        if names and self.client not in self.computed:
            raise problem("storage", "storage_client", kind=self.name, names=names, client=self.client)


class _Directory(Kind):
    """Django's FileSystemStorage."""

    place, client, kept, reads = "location base_location", "location", "base_location", "path"
    is_slow = False

    def origin_of(self, storage: Any) -> LocalOrigin:
        self.require_own_client()
        if not storage.base_location:
            raise problem("storage", "storage_without_location")
        return LocalOrigin(root=str(storage.location))

    def object_of(self, file: StoredFile) -> ObjectRef:
        place, name = self.origin_of(file.storage), file.name
        if "path" in self.computed:
            root, name = os.path.split(file.storage.path(name))
            place = LocalOrigin(root=root)
        return file.in_place(place, name)


class SignedByItsSDK(Kind):
    """A storage whose SDK makes URLs. Its subclass may have a `url()` that names a view. remedy: if it cannot sign."""

    reads = "client service_client _normalize_name _get_valid_path"
    remedy = "Check the storage's keys."

    def url(self, storage: Any, name: str, method: str) -> str:
        """Make the URL of a name for "GET" or "HEAD", or raise any error. Most signatures are for both methods."""
        return str(self.known.url(storage, name))

    def key(self, file: StoredFile) -> str:
        """Return the object key, with the storage's location. Raises SuspiciousOperation."""
        if file.is_key:
            return _prefix_of(file.storage) + file.name
        from storages.utils import clean_name

        return str(file.storage._normalize_name(clean_name(file.name)))

    def object_of(self, file: StoredFile) -> ObjectRef:
        ref = file.below(self.base(file.storage).base_url + quote(self.key(file), safe="/"))

        def url(method: str) -> str:
            try:
                made = self.url(file.storage, file.name, method)
            except Exception as error:  # its message may have what was signed
                what = f"the storage's SDK could not sign ({type(error).__name__})"
                raise CredentialsUnavailable(what, where="file", remedy=self.remedy) from error
            if file.below(made) != ref:
                what = f"the storage has another name for {ref.key!r}, so it would be another object"
                remedy = "Write the key as the storage does, without '//', '.' and '..'."
                raise KeyRefused(what, where="key", remedy=remedy)
            return made

        return replace(ref, url=url)


class _Bucket(SignedByItsSDK):
    """S3Storage: the domain before the bucket if it is an origin, else the bucket.

    A domain without signatures is for public files, so an entry of ORIGINS that names the storage means the bucket.
    """

    place = (
        "bucket_name location region_name endpoint_url client_config object_parameters verify session_profile"
        " custom_domain url_protocol querystring_auth querystring_expire cloudfront_signer"
    )
    reads = "bucket connection get_object_parameters _normalize_name access_key secret_key security_token"
    credentials = ("access_key", "secret_key", "security_token")
    place_of = attrgetter("region_name", "endpoint_url", "client_config", "session_profile")
    is_slow = False

    def base(self, storage: Any) -> HTTPOrigin:
        signed = storage.querystring_auth and storage.cloudfront_signer
        root = f"{storage.url_protocol}//{storage.custom_domain}/"
        return HTTPOrigin(base_url=root, expires_s=storage.querystring_expire if signed else None)

    def bucket(self, storage: Any, name: str | None, without: Collection[str] = ()) -> S3Origin:
        """Return the bucket of a name, and the credentials of the storage but those `without`."""
        keys = tuple([None if key in without else getattr(storage, key) or None for key in self.credentials])
        return _bucket(name, self.place_of(storage), storage.object_parameters.get("RequestPayer"), keys)

    def origin_of(self, storage: Any) -> Origin:
        if storage.custom_domain and self.base(storage).expires_s is not None:
            return super().origin_of(storage)
        if not _SSE_C.isdisjoint(storage.object_parameters):
            raise problem("storage", "storage_sse_c")
        return replace(
            # A computed key belongs to a request, and now there is none.
            self.bucket(storage, storage.bucket_name, without=self.computed),
            prefix=_prefix_of(storage),
            ca_file=storage.verify if isinstance(storage.verify, str) else None,
            verify_tls=storage.verify is not False,
        )

    def object_of(self, file: StoredFile) -> ObjectRef:
        storage, key = file.storage, self.key(file)
        if not _SSE_C.isdisjoint(storage.get_object_parameters(key)):
            what = f"{file.name!r} is read with a key of the client's (SSE-C), which NGINX cannot send"
            raise KeyRefused(what, where="file", remedy="Store the objects with SSE-S3 or SSE-KMS.")
        if storage.custom_domain:
            with suppress(OriginNotAllowed):
                return super().object_of(file)
        # `bucket` makes a boto3 resource for each thread, which takes 0.3 s.
        is_only_bucket = "bucket" in self.computed and "bucket_name" not in self.computed
        name = storage.bucket.name if is_only_bucket else storage.bucket_name
        return file.in_place(self.bucket(storage, name), key)


@lru_cache(maxsize=4096)
def _bucket(name: str | None, place: tuple[Any, ...], payer: Any, keys: tuple[Any, ...]) -> S3Origin:
    region, endpoint, config, profile = place
    if not name:
        settings = "AWS_STORAGE_BUCKET_NAME or OPTIONS['bucket_name']"
        raise problem("storage", "unnamed_storage", kind="bucket", settings=settings)
    if is_other_kind(name):
        raise problem("storage", "other_bucket", value=name)
    credentials = {} if profile else dict(zip(CREDENTIALS, keys, strict=True))
    return S3Origin(
        bucket=name,
        region=region or getattr(config, "region_name", None),
        endpoint_url=endpoint or None,
        request_payer=payer == "requester",
        profile=profile or None,
        **credentials,
        **origin_options(config),
    )


def _prefix_of(storage: Any) -> str:
    location = storage.location.strip("/")
    return f"{location}/" if location else ""


@lru_cache(maxsize=1024)
def kind_of(cls: Any) -> Kind:
    """Return the kind of a class of storages, without loading what other kinds need."""
    for base in cls.__mro__:
        if (kind := _KINDS.get(f"{base.__module__}.{base.__qualname__}")) is not None:
            found: Kind = resolve_name(kind)(cls, base)
            return found
    return Kind(cls, Storage)

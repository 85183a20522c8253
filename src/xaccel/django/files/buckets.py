"""The storages of django-storages that have a bucket and a domain before it, and S3Storage.

Workers whose project has none do not load this module.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from xaccel import urls
from xaccel.django.files.kinds import SAME_OBJECT, KnownKind, joined, names_read, prefix_of
from xaccel.django.files.objects import StoredFile
from xaccel.errors import CredentialsUnavailable, KeyRefused, OriginNotAllowed
from xaccel.handoff.objects import ObjectRef
from xaccel.signing.endpoint import origin_options
from xaccel.site.origins import CREDENTIALS, HTTPOrigin, Origin, S3Origin
from xaccel.site.rules import is_other_kind
from xaccel.site.setting import problem

_SSE_C = frozenset(("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"))
"""Parameters of objects that are encrypted with a key of the client's."""
_REFUSED = _SSE_C | {"VersionId", "ExpectedBucketOwner"}
"""Parameters that decide which bytes Django reads, and that NGINX cannot send."""
_endpoint = attrgetter("region_name", "endpoint_url", "client_config", "session_profile")
_CREDENTIALS = ("access_key", "secret_key", "security_token")


class SignedByItsSDK(KnownKind):
    """A storage whose SDK makes URLs. Its subclass may have a `url()` that names a view. remedy: if it cannot sign."""

    remedy = "Check the storage's keys."

    def __init__(self, cls: Any, known: Any) -> None:
        super().__init__(cls, known)
        self.domains, behind = names_read(self.domain), names_read(self.behind)
        has_one_domain = self.domains.isdisjoint(self.computed)
        self.hidden_places = (self.computed | self.own) & behind if has_one_domain else set()

    def domain(self, storage: Any) -> tuple[Any, ...]:
        """Read the host in front of the storage."""
        return ()

    def behind(self, storage: Any) -> tuple[Any, ...]:
        """Read what decides the place behind `domain`."""
        return ()

    def reads(self, storage: Any) -> tuple[Any, ...]:
        """Read the methods that name an object."""
        return (storage._normalize_name,)

    def url(self, storage: Any, name: str, method: str) -> str:
        """Make the URL of a name for "GET" or "HEAD", or raise any error. Most signatures are for both methods."""
        return str(self.known.url(storage, name))

    def key(self, file: StoredFile) -> str:
        """Return the object key, with the storage's location. Raises SuspiciousOperation."""
        if file.is_key:
            return prefix_of(file.storage) + file.name
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

    def require_own_domain(self, storage: Any) -> None:
        """Raise ConfigError if one domain is in front of the places of all tenants."""
        if self.hidden_places and any(self.domain(storage)):
            values = {"names": joined(self.hidden_places), "domain": joined(self.domains)}
            raise problem("storage", "storage_domain", kind=self.name, **values)


class Bucket(SignedByItsSDK):
    """The domain before the bucket if it is an origin, else the bucket.

    A domain without signatures is for public files, so an entry of ORIGINS that names the storage means the bucket.
    """

    is_slow = False

    def __init__(self, cls: Any, known: Any) -> None:
        super().__init__(cls, known)
        self.own_client = self.own & names_read(self._client)
        self.has_own_client = bool(self.own_client - self.vouched)
        # A constructor of the project may set what django-storages makes at its first use.
        self.may_own_client = self.has_own_client or (bool(self.own) and not getattr(cls, SAME_OBJECT, False))

    def place(self, storage: Any) -> tuple[Any, ...]:
        """Read bucket, endpoint, domain and what signs."""
        objects = (storage.bucket_name, storage.location, storage.object_parameters, storage.session_profile)
        domain = (storage.url_protocol, storage.querystring_auth, storage.querystring_expire)
        signer = (storage.custom_domain, storage.cloudfront_signer)
        return *self._client(storage), *objects, *_endpoint(storage), storage.verify, *domain, *signer

    def reads(self, storage: Any) -> tuple[Any, ...]:
        """Read keys, and the methods that name an object and its parameters."""
        keys = (storage.access_key, storage.secret_key, storage.security_token)
        return *super().reads(storage), *keys, storage.get_object_parameters

    def domain(self, storage: Any) -> tuple[Any, ...]:
        """Read the host of a CDN."""
        return (storage.custom_domain,)

    def behind(self, storage: Any) -> tuple[Any, ...]:
        """Read what decides the bucket."""
        made = (
            storage.bucket,
            storage._bucket,
            storage.connection,
            storage._connections,
            storage._create_session,
        )
        return storage.bucket_name, storage.endpoint_url, *made

    def unrelated(self, storage: Any) -> tuple[Any, ...]:
        """Read what writing and `url()` need, and what the constructor reads."""
        writing = (storage._compress_content, storage._get_write_parameters, storage.default_content_type)
        signing = (storage.unsigned_connection, storage.get_cloudfront_signer, storage._signers)
        return *super().unrelated(storage), *writing, *signing, storage.config

    def base(self, storage: Any) -> HTTPOrigin:
        signed = storage.querystring_auth and storage.cloudfront_signer
        root = f"{storage.url_protocol}//{storage.custom_domain}/"
        return HTTPOrigin(base_url=root, expires_s=storage.querystring_expire if signed else None)

    def origin_of(self, storage: Any) -> Origin:
        if storage.custom_domain and self.base(storage).expires_s is not None:
            return super().origin_of(storage)
        if not _SSE_C.isdisjoint(storage.object_parameters):
            raise problem("storage", "storage_sse_c")
        # A computed key belongs to a request, and now there is none.
        bucket = self._bucket(storage, storage.bucket_name, storage.object_parameters, without=self.computed)
        return replace(
            bucket,
            prefix=prefix_of(storage),
            ca_file=storage.verify if isinstance(storage.verify, str) else None,
            verify_tls=storage.verify is not False,
        )

    def object_of(self, file: StoredFile) -> ObjectRef:
        storage, key, client = file.storage, self.key(file), None
        parameters: Mapping[str, Any] = storage.object_parameters
        if "get_object_parameters" in self.computed:
            parameters = _parameters(storage, key)
        if not _REFUSED.isdisjoint(parameters):
            raise _unsendable(file.name, parameters)
        name: str | None = storage.bucket_name
        if self.may_own_client:
            name, client = self._made(storage)
        if storage.custom_domain and not self.hidden_places:
            with suppress(OriginNotAllowed):
                return super().object_of(file)
        bucket = self._bucket(storage, name, parameters)
        if client is not None:
            self._require_client(storage, client, bucket, file.places.at(bucket)[0])
        return file.in_place(bucket, key)

    def _client(self, storage: Any) -> tuple[Any, ...]:
        """Read what Django reads an object with: it is made from the other attributes, unless a class has its own."""
        session = (storage.connection, storage._connections, storage._create_session)
        return storage.bucket, storage._bucket, *session

    def _bucket(
        self, storage: Any, name: str | None, parameters: Mapping[str, Any], without: Collection[str] = ()
    ) -> S3Origin:
        """Return the bucket of a name, and the credentials of the storage but those `without`."""
        keys = tuple([None if key in without else getattr(storage, key) or None for key in _CREDENTIALS])
        return _origin(name, _endpoint(storage), parameters.get("RequestPayer"), keys)

    def _made(self, storage: Any) -> tuple[str | None, Any]:
        """Return the name of the bucket that Django reads now, and its client, or None if it is not made yet."""
        if self.has_own_client:
            bucket = storage.bucket
            return bucket.name, bucket.meta.client
        name: str | None = storage.bucket_name
        made = storage._bucket or getattr(storage._connections, "connection", None)
        if storage._bucket is not None and storage._bucket.name != name:
            raise self.shared_client({"bucket_name"}, "bucket")
        return name, made and made.meta.client

    def _require_client(self, storage: Any, client: Any, bucket: S3Origin, base: str) -> None:
        """Raise ConfigError if a client reads at another endpoint, or with other keys, than xaccel signs for."""
        has_endpoint = _is_same_endpoint(client.meta.endpoint_url, bucket.endpoint_url, base)
        # django-storages keeps the first keys of a class that computes them: xaccel's are newer.
        is_newer = not self.has_own_client and not self.computed.isdisjoint(_CREDENTIALS)
        if not has_endpoint or not (is_newer or _has_keys(client, bucket)):
            names = joined(self.own_client or {"_bucket", "_connections"})
            raise problem("storage", "storage_connects", kind=self.name, names=names, same=SAME_OBJECT)


def _parameters(storage: Any, key: str) -> Mapping[str, Any]:
    """Return the parameters that a class has for an object."""
    # django-storages writes with the parameters of the key, and reads with those of the name below the location.
    name = key[len(storage.location) :].lstrip("/")
    return {**storage.get_object_parameters(key), **storage.get_object_parameters(name)}


def _unsendable(name: str, parameters: Mapping[str, Any]) -> KeyRefused:
    """Return the error for an object that Django reads with parameters that NGINX cannot send."""
    names = joined(_REFUSED & parameters.keys())
    what = f"{name!r} is read with {names}, which NGINX cannot send"
    if not _SSE_C.isdisjoint(parameters):
        return KeyRefused(f"{what} (SSE-C)", where="file", remedy="Store the objects with SSE-S3 or SSE-KMS.")
    remedy = f"Remove {names} from the parameters of the storage. To send a version, pass version_id= to send_file."
    return KeyRefused(what, where="file", remedy=remedy)


def _is_same_endpoint(url: str, endpoint: str | None, base: str) -> bool:
    if endpoint:
        return url.rstrip("/") == endpoint.rstrip("/")
    host, place = urls.authority(url), urls.authority(base)
    # boto3 has older names for some regions.
    is_amazon = all(".amazonaws." in name for name in (host, place))
    return is_amazon or place == host or place.endswith(f".{host}")


def _has_keys(client: Any, bucket: S3Origin) -> bool:
    # botocore has no public name for a client's keys. Without them the client counts as another one.
    keys = getattr(getattr(client, "_request_signer", None), "_credentials", None)
    if bucket.access_key:
        values = (bucket.access_key, bucket.secret_key, bucket.session_token)
        return keys is not None and (keys.access_key, keys.secret_key, keys.token or None) == values
    return keys is None or keys.method != "explicit"


@lru_cache(maxsize=4096)
def _origin(name: str | None, endpoint: tuple[Any, ...], payer: Any, keys: tuple[Any, ...]) -> S3Origin:
    region, url, config, profile = endpoint
    if not name:
        settings = "AWS_STORAGE_BUCKET_NAME or OPTIONS['bucket_name']"
        raise problem("storage", "unnamed_storage", kind="bucket", settings=settings)
    if is_other_kind(name):
        raise problem("storage", "other_bucket", value=name)
    credentials = {} if profile else dict(zip(CREDENTIALS, keys, strict=True))
    return S3Origin(
        bucket=name,
        region=region or getattr(config, "region_name", None),
        endpoint_url=url or None,
        request_payer=payer == "requester",
        profile=profile or None,
        **credentials,
        **origin_options(config),
    )

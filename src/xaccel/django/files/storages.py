"""Django storages as origins: what an entry of ORIGINS means that names a storage, and the URLs that its SDK signs.

All values are read from the storage's attributes. Only a storage without a key makes a request: it may ask its cloud
for a signature, or for a key that signs.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, InvalidStorageError, Storage, storages
from django.utils.functional import LazyObject, empty

from xaccel import urls
from xaccel.errors import ConfigError, CredentialsUnavailable
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site.rules import is_other_kind
from xaccel.site.setting import problem

LEAST_S = 120
"""Seconds that a signature lives where the storage does not say."""


class StorageNotDescribed(ConfigError):
    """A storage of a kind, or in a state, that no origin can stand for."""


class Kind(NamedTuple):
    """A kind of storage of django-storages that xaccel knows.

    place: returns where its URLs lie, up to the location; None for S3 without a domain. It raises StorageNotDescribed,
        which names the storage by the second argument, for a storage without bucket or container.
    key: the storage's method from a cleaned name to the object key, location included.
    url: makes the URL of a name for "GET" or "HEAD", or raises CredentialsUnavailable. It is the method of
        django-storages, also for a subclass whose `url()` names a view of the project.
    """

    place: Callable[[Any, str], HTTPOrigin | None]
    key: Literal["_normalize_name", "_get_valid_path"]
    url: Callable[[Any, str, str], str]
    is_s3: bool = False


def kind_of(storage: Storage) -> Kind | None:
    """Return which of django-storages' kinds `storage` is, without loading what they need."""
    for (module, name), kind in _KINDS.items():
        # A class cannot exist before the module of its base is loaded; importing it here would load an SDK for nothing.
        loaded = sys.modules.get(f"storages.backends.{module}")
        if loaded is not None and isinstance(storage, getattr(loaded, name)):
            return kind
    return None


def not_described(place: str, name: str, /, **values: object) -> StorageNotDescribed:
    """Return an error of the table [wrong] in settings.toml."""
    return problem(place, name, StorageNotDescribed, **values)


def require_named(name: object, kind: str, settings: str, where: str) -> None:
    """Raise StorageNotDescribed if a storage has no bucket or container."""
    if not name:
        raise not_described(where, "unnamed_storage", kind=kind, settings=settings)


_DECIDE_THE_PLACE = (
    "location base_location bucket_name region_name endpoint_url client_config object_parameters verify session_profile"
    " custom_domain url_protocol querystring_auth querystring_expire cloudfront_signer custom_endpoint default_acl"
    " expiration azure_container account_name azure_ssl endpoint_suffix connection_string client_options client"
    " service_client expiration_secs"
).split()


def computed(storage: Storage, names: Iterable[str]) -> list[str]:
    """Return the attributes that a class of the project computes, so that the next request may get another value."""
    classes = type(storage).__mro__[:-1]
    if any(_is_theirs(cls) and {"__getattr__", "__getattribute__"} & vars(cls).keys() for cls in classes):
        return [*names]
    owners = {name: next((cls for cls in classes if name in vars(cls)), None) for name in names}
    return [
        name
        for name, cls in owners.items()
        if cls and _is_theirs(cls) and hasattr(vars(cls)[name], "__get__")
    ]


def _is_theirs(cls: type) -> bool:
    return not f"{cls.__module__}.".startswith(("django.", "storages."))


def _require_own_client(storage: Storage, where: str, client: str, kept: str) -> None:
    """Raise StorageNotDescribed if django-storages keeps the client of the first request for all tenants."""
    names = computed(storage, kept.split())
    if names and not computed(storage, [client]):
        raise not_described(
            where, "storage_client", kind=type(storage), names=", ".join(names), client=client
        )


def _behind_a_domain(storage: Any, _: str) -> HTTPOrigin | None:
    if not storage.custom_domain:
        return None
    signed = storage.querystring_auth and storage.cloudfront_signer
    root = f"{storage.url_protocol}//{storage.custom_domain}/"
    return HTTPOrigin(base_url=root, expires_s=storage.querystring_expire if signed else None)


def _google(storage: Any, where: str) -> HTTPOrigin:
    require_named(storage.bucket_name, "bucket", "GS_BUCKET_NAME or OPTIONS['bucket_name']", where)
    _require_own_client(storage, where, "bucket", "bucket_name credentials project_id")
    public = storage.default_acl == "publicRead" or not storage.querystring_auth
    if storage.custom_endpoint:
        endpoint = storage.custom_endpoint
        # Google's SDK takes a bare host for http; django-storages puts nothing before it where nothing is signed.
        root = f"{endpoint}/" if "://" in endpoint or public else f"http://{endpoint}/"
    else:
        from google.cloud.storage import Client
        from storages.backends.gcloud import GoogleCloudStorage

        client = storage._client
        if client is None and type(storage).client is GoogleCloudStorage.client:
            # The storage's own would look for credentials, perhaps on the network, only to name the same host.
            client = Client.create_anonymous_client()
        root = f"{(client or storage.client).api_endpoint.rstrip('/')}/{storage.bucket_name}/"
    expires = storage.expiration
    if isinstance(expires, timedelta):
        expires = int(expires.total_seconds())
    expires_s = None if public else expires if isinstance(expires, int) else LEAST_S
    return HTTPOrigin(base_url=root, expires_s=expires_s)


def _azure(storage: Any, where: str) -> HTTPOrigin:
    named = storage.azure_container and (storage.account_name or storage.connection_string)
    settings = "AZURE_ACCOUNT_NAME and AZURE_CONTAINER, or the storage's OPTIONS"
    require_named(named, "account, or no container", settings, where)
    kept = (
        "azure_container account_name azure_ssl endpoint_suffix connection_string sas_token token_credential"
    )
    _require_own_client(storage, where, "client", f"{kept} client_options")
    try:
        parts = urlsplit(storage.client.url)
    except (ValueError, AttributeError) as error:
        raise not_described(where, "azure_client", reason=type(error).__name__) from error
    root = f"{parts.scheme}://{storage.custom_domain or parts.netloc}{parts.path}/"
    return HTTPOrigin(base_url=root, expires_s=storage.expiration_secs or LEAST_S)


def _domain_url(storage: Any, name: str, _: str) -> Any:
    # CloudFront's signature does not say for which method it is
    from storages.backends.s3 import S3Storage

    return S3Storage.url(storage, name)


def _google_url(storage: Any, name: str, method: str) -> Any:
    from google.auth.exceptions import GoogleAuthError
    from storages.backends.gcloud import GoogleCloudStorage

    try:
        return GoogleCloudStorage.url(storage, name, parameters={"method": method})
    except (GoogleAuthError, AttributeError, ValueError) as error:
        raise _nothing_to_sign_with(
            error,
            "Set GS_CREDENTIALS with a private key, or GS_IAM_SIGN_BLOB if only the cloud has the key. GS_EXPIRATION is"
            " at most seven days.",
        ) from error


_NO_KEY = "Set AZURE_ACCOUNT_KEY, AZURE_TOKEN_CREDENTIAL or AZURE_SAS_TOKEN."
_NO_DELEGATION = (
    "Check that AZURE_TOKEN_CREDENTIAL gets a token, and that its identity may request a user delegation key. The role"
    " Storage Blob Delegator allows that."
)


def _azure_url(storage: Any, name: str, _: str) -> Any:
    # nor does a SAS
    from azure.core.exceptions import AzureError
    from storages.backends.azure_storage import AzureStorage

    signs = storage.account_key or storage.token_credential
    try:
        return AzureStorage.url(storage, name, expire=(storage.expiration_secs or LEAST_S) if signs else None)
    except (AzureError, ValueError) as error:
        by_token = storage.token_credential and not storage.account_key
        raise _nothing_to_sign_with(error, _NO_DELEGATION if by_token else _NO_KEY) from error


def _nothing_to_sign_with(error: Exception, remedy: str) -> CredentialsUnavailable:
    # The SDKs' messages may hold what they signed.
    return CredentialsUnavailable(
        f"the storage's SDK could not sign ({type(error).__name__})", where="file", remedy=remedy
    )


_KINDS = {
    ("s3", "S3Storage"): Kind(_behind_a_domain, "_normalize_name", _domain_url, is_s3=True),
    ("gcloud", "GoogleCloudStorage"): Kind(_google, "_normalize_name", _google_url),
    ("azure_storage", "AzureStorage"): Kind(_azure, "_get_valid_path", _azure_url),
}
"""By module and class of django-storages."""


NOT_FOR_DOWNLOADS = frozenset({"staticfiles"})
"""Aliases of STORAGES that are public by nature."""

SSE_C = frozenset(("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"))
"""Parameters of objects that are encrypted with a key of the client's."""


def with_storages(given: Mapping[str, Any], where: str, found: list[ConfigError]) -> dict[str, Any]:
    """Return `given` with each {"storage": alias} entry spelled out; its other options come on top of the storage's.

    `where` names an entry in errors, with "{}" for its name. Problems go to `found`; their entries are left out.
    """
    origins: dict[str, Any] = {}
    for name, entry in given.items():
        path = where.format(name)
        if not isinstance(entry, Mapping) or "storage" not in entry:
            origins[name] = entry
        elif "type" in entry:
            found.append(problem(path, "storage_and_type"))
        elif (spelled := _entry(str(entry["storage"]), path, found)) is not None:
            origins[name] = spelled | {key: value for key, value in entry.items() if key != "storage"}
    return origins


def _entry(alias: str, where: str, found: list[ConfigError]) -> dict[str, Any] | None:
    try:
        storage = unwrapped(storages[alias])
        if names := computed(storage, _DECIDE_THE_PLACE):
            raise not_described(where, "storage_computed", kind=type(storage), names=", ".join(names))
        origin = describe(storage, where)
    except StorageNotDescribed as problem:
        found.append(problem)
    except (InvalidStorageError, ImproperlyConfigured) as error:
        found.append(not_described(where, "storage", alias=alias, reason=error))
    else:
        values = ((field, getattr(origin, field.name)) for field in dataclasses.fields(origin))
        return {
            "type": origin.type,
            **{field.name: value for field, value in values if value != field.default},
        }
    return None


def unwrapped(storage: Storage) -> Storage:
    """Return the storage behind a lazy one such as `default_storage`."""
    if isinstance(storage, LazyObject):
        wrapper: Any = storage
        if wrapper._wrapped is empty:
            wrapper._setup()
        return unwrapped(wrapper._wrapped)
    return storage


def describe(given: Storage, where: str) -> S3Origin | HTTPOrigin | LocalOrigin:
    """Return the origin that an entry of ORIGINS means which names a storage.

    An HTTPOrigin where the storage's own SDK signs its URLs, else what `describe_place` returns. Raises as that.
    """
    storage: Any = unwrapped(given)
    kind = kind_of(storage)
    place = None if kind is None else kind.place(storage, where)
    # A domain without a signature in front of a bucket is for public files: NGINX requests from the bucket.
    if kind is None or place is None or (kind.is_s3 and place.expires_s is None):
        return describe_place(storage, where)
    return dataclasses.replace(place, base_url=place.base_url + urls.quote_prefix(_prefix(storage)))


def _prefix(storage: Any) -> str:
    location = storage.location.strip("/")
    return f"{location}/" if location else ""


def describe_place(storage: Storage, where: str) -> S3Origin | LocalOrigin:
    """Return the directory or the bucket of `storage`, whose `location` is the origin's root or prefix.

    `where` names the storage in the error. Raises StorageNotDescribed for any but Django's FileSystemStorage and
    django-storages' S3Storage.
    """
    if isinstance(storage, FileSystemStorage):
        if not storage.base_location:
            raise not_described(where, "storage_without_location")
        return LocalOrigin(root=str(storage.location))
    kind = kind_of(storage)
    if kind is not None and kind.is_s3:
        return _s3_origin(storage, where)
    raise not_described(where, "unknown_storage", kind=type(storage))


def _s3_origin(storage: Any, where: str) -> S3Origin:
    require_named(storage.bucket_name, "bucket", "AWS_STORAGE_BUCKET_NAME or OPTIONS['bucket_name']", where)
    if not SSE_C.isdisjoint(storage.object_parameters):
        raise not_described(where, "storage_sse_c")
    if is_other_kind(storage.bucket_name):
        raise not_described(where, "other_bucket", value=storage.bucket_name)
    config = storage.client_config
    s3_config = getattr(config, "s3", None) or {}
    profile = storage.session_profile or None
    names = {"access_key": "access_key", "secret_key": "secret_key", "session_token": "security_token"}
    keys: dict[str, Any] = (
        {} if profile else {own: getattr(storage, name) or None for own, name in names.items()}
    )
    return S3Origin(
        bucket=storage.bucket_name,
        prefix=_prefix(storage),
        region=storage.region_name or getattr(config, "region_name", None),
        endpoint_url=storage.endpoint_url or None,
        addressing_style=s3_config.get("addressing_style") or None,
        use_dualstack_endpoint=s3_config.get(
            "use_dualstack_endpoint", getattr(config, "use_dualstack_endpoint", None)
        ),
        use_fips_endpoint=getattr(config, "use_fips_endpoint", None),
        use_accelerate_endpoint=s3_config.get("use_accelerate_endpoint"),
        request_payer=storage.object_parameters.get("RequestPayer") == "requester",
        profile=profile,
        ca_file=storage.verify if isinstance(storage.verify, str) else None,
        verify_tls=storage.verify is not False,
        **keys,
    )

"""Django storages as origins: what an entry of ORIGINS means that names a storage.

Everything is read from the storage's own attributes, without a client, a file or a request.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, InvalidStorageError, Storage, storages
from django.utils.functional import LazyObject, empty

from xaccel.django.files.signed_urls import StorageNotDescribed, kind_of, require_named
from xaccel.errors import ConfigError
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site.rules import unsupported

NOT_FOR_DOWNLOADS = frozenset({"staticfiles"})
"""Aliases of STORAGES that are public by nature."""

SSE_C = frozenset(("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"))
"""Parameters of objects that are encrypted with a key of the client's."""

NO_SSE_C = "Store the objects with SSE-S3 or SSE-KMS."


def with_storages(given: Mapping[str, Any], where: str, found: list[ConfigError]) -> dict[str, Any]:
    """Return `given` with each {"storage": alias} entry spelled out; its other options come on top of the storage's.

    Problems go to `found`; their entries are left out.
    """
    origins: dict[str, Any] = {}
    for name, entry in given.items():
        path = f'{where}["ORIGINS"]["{name}"]'
        if not isinstance(entry, Mapping) or "storage" not in entry:
            origins[name] = entry
        elif "type" in entry:
            remedy = 'Write {"storage": "default"}, with other options for what the storage does not know.'
            found.append(ConfigError("an origin names a storage and a type", where=path, remedy=remedy))
        elif (spelled := _entry(str(entry["storage"]), f'{path}["storage"]', found)) is not None:
            origins[name] = spelled | {key: value for key, value in entry.items() if key != "storage"}
    return origins


def from_storages(skipped: list[ConfigError]) -> dict[str, Any]:
    """Return an entry for each alias of STORAGES but "staticfiles"; those that cannot be read go to `skipped`."""
    return {
        alias: entry
        for alias in settings.STORAGES
        if alias not in NOT_FOR_DOWNLOADS
        and (entry := _entry(alias, f'STORAGES["{alias}"]', skipped)) is not None
    }


def _entry(alias: str, where: str, found: list[ConfigError]) -> dict[str, Any] | None:
    try:
        origin = describe(storages[alias], where)
    except StorageNotDescribed as problem:
        found.append(problem)
    except (InvalidStorageError, ImproperlyConfigured) as error:
        what, remedy = f"the storage {alias!r} cannot be made ({error})", "Fix STORAGES, or name another."
        found.append(StorageNotDescribed(what, where=where, remedy=remedy))
    else:
        values = {field: getattr(origin, field.name) for field in dataclasses.fields(origin)}
        known = {field.name: value for field, value in values.items() if value != field.default}
        return {"type": origin.type, **known}
    return None


def unwrapped(storage: Storage) -> Storage:
    """Return the storage behind a lazy one such as `default_storage`."""
    if isinstance(storage, LazyObject):
        wrapper: Any = storage
        if wrapper._wrapped is empty:
            wrapper._setup()
        return unwrapped(wrapper._wrapped)
    return storage


def describe(storage: Storage, where: str) -> S3Origin | HTTPOrigin | LocalOrigin:
    """Return the origin that an entry of ORIGINS means which names `storage`.

    An HTTPOrigin where the storage's own SDK signs its URLs, else what `describe_place` returns. Raises as that.
    """
    storage = unwrapped(storage)
    kind = kind_of(storage)
    urls = None if kind is None else kind.place(storage, where)
    # A domain without a signature in front of a bucket is for public files: NGINX requests from the bucket.
    if kind is not None and urls is not None and (urls.expires_s is not None or not kind.is_s3):
        return urls.origin
    return describe_place(storage, where)


def describe_place(storage: Storage, where: str) -> S3Origin | LocalOrigin:
    """Return the directory or the bucket of `storage`, whose `location` is the origin's root or prefix.

    `where` names the storage in the error. Raises StorageNotDescribed for any but Django's FileSystemStorage and
    django-storages' S3Storage.
    """
    storage = unwrapped(storage)
    if isinstance(storage, FileSystemStorage):
        if not storage.base_location:
            raise StorageNotDescribed(
                "the storage has no location, so that it means the working directory",
                where=where,
                remedy="Set MEDIA_ROOT, or the storage's OPTIONS['location'].",
            )
        return LocalOrigin(root=str(storage.location))
    kind = kind_of(storage)
    if kind is not None and kind.is_s3:
        return _s3_origin(storage, where)
    raise not_described(storage, where)


def not_described(storage: Storage, where: str) -> StorageNotDescribed:
    """Return the error for a storage of a kind that no origin can stand for."""
    return StorageNotDescribed(
        f"{type(storage).__module__}.{type(storage).__qualname__} is not a storage that xaccel can read",
        where=where,
        remedy="Describe the place under XACCEL['ORIGINS'] with its type, and pass its files by key:"
        ' send_file(request, file.name, origin="…"). Where its url() is absolute, an'
        " xaccel.HTTPOrigin with the base_url is enough.",
    )


def _s3_origin(storage: Any, where: str) -> S3Origin:
    require_named(storage.bucket_name, "bucket", "AWS_STORAGE_BUCKET_NAME or OPTIONS['bucket_name']", where)
    if not SSE_C.isdisjoint(storage.object_parameters):
        what = "its object_parameters name a key of the client's (SSE-C), which NGINX cannot send"
        raise StorageNotDescribed(what, where=where, remedy=NO_SSE_C)
    problem = unsupported(storage.bucket_name, where)
    if problem is not None:
        raise StorageNotDescribed(problem.what, where=problem.where, remedy=problem.remedy)
    config = storage.client_config
    s3_config = getattr(config, "s3", None) or {}
    location = storage.location.strip("/")
    profile = storage.session_profile or None
    keys: dict[str, Any] = (
        {}
        if profile
        else {
            "access_key": storage.access_key or None,
            "secret_key": storage.secret_key or None,
            "session_token": storage.security_token or None,
        }
    )
    return S3Origin(
        bucket=storage.bucket_name,
        prefix=f"{location}/" if location else "",
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

"""Describe a Django storage as an origin.

Everything is read from the storage's own attributes. No client is made, no file is opened, nothing is asked.
"""

from __future__ import annotations

from typing import Any

from django.core.files.storage import FileSystemStorage, Storage
from django.utils.functional import LazyObject, empty

from xaccel.django.files.signed_urls import StorageNotDescribed, kind_of
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site.rules import unsupported

SSE_C = frozenset(("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"))
"""Parameters of objects that are encrypted with a key of the client's."""

NO_SSE_C = "Store the objects with SSE-S3 or SSE-KMS."


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

    An HTTPOrigin where the storage's own SDK signs its URLs, else what `describe_place` returns.

    Raises StorageNotDescribed as `describe_place` does.
    """
    storage = unwrapped(storage)
    kind = kind_of(storage)
    urls = None if kind is None else kind.place(storage, where)
    # A domain without a signature in front of a bucket is for files that anybody may have: the bucket is asked.
    if kind is not None and urls is not None and (urls.expires_s is not None or not kind.is_s3):
        return urls.origin
    return describe_place(storage, where)


def describe_place(storage: Storage, where: str) -> S3Origin | LocalOrigin:
    """Return the directory or the bucket that `storage` keeps its files in.

    Its `location` is the origin's prefix or root. `where` names the storage in the error.

    Raises StorageNotDescribed for any but Django's FileSystemStorage and django-storages' S3Storage.
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
    if not storage.bucket_name:
        raise StorageNotDescribed(
            "the storage names no bucket",
            where=where,
            remedy="Set AWS_STORAGE_BUCKET_NAME or OPTIONS['bucket_name'].",
        )
    if not SSE_C.isdisjoint(storage.object_parameters):
        raise StorageNotDescribed(
            "its object_parameters name a key of the client's (SSE-C), which NGINX cannot send",
            where=where,
            remedy=NO_SSE_C,
        )
    problem = unsupported(storage.bucket_name, where)
    if problem is not None:
        raise StorageNotDescribed(problem.what, where=problem.where, remedy=problem.remedy)
    config = storage.client_config
    s3_config = getattr(config, "s3", None) or {}
    location = storage.location.strip("/")
    profile = storage.session_profile or None
    verify = storage.verify
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
        access_key=None if profile else storage.access_key or None,
        secret_key=None if profile else storage.secret_key or None,
        session_token=None if profile else storage.security_token or None,
        ca_file=verify if isinstance(verify, str) else None,
        verify_tls=verify is not False,
    )

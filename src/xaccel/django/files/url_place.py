"""Which origin and which URL a file means whose storage makes the URLs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from django.core.files.storage import FileSystemStorage, Storage, storages

from xaccel import urls
from xaccel.django.files.signed_urls import LEAST_S, MakeUrl, maker_of_urls, place_of_urls
from xaccel.django.files.storages import is_s3, unwrapped
from xaccel.errors import ConfigError, KeyRefused, OriginNotAllowed
from xaccel.sender import Sender, Url
from xaccel.site.origins import HTTPOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUrl:
    """A file in the origin called `name`. origin: stands in for it, where the URL says more than the settings do."""

    name: str
    key: str
    url: Url = field(repr=False)
    origin: HTTPOrigin | None = None


def makes_urls(storage: Storage) -> bool:
    """Tell whether `url_of_file` may ask the storage itself, or make an SDK's client. `storage` is unwrapped."""
    return not (isinstance(storage, FileSystemStorage) or (is_s3(storage) and not _has_domain(storage)))


def _has_domain(storage: Any) -> bool:
    return bool(storage.custom_domain)


def url_of_file(sender: Sender, storage: Storage, name: str, key: str, wanted: str | None) -> MadeUrl | None:
    """Return the URL of `name` in `storage`, which is unwrapped and calls it `key`; None for files that have none.

    `wanted` is the origin that the call named.

    Raises OriginNotAllowed for a URL that lies below no HTTPOrigin of the site.
    """
    if not makes_urls(storage):
        return None
    try:
        place = place_of_urls(storage, "file")
    except ConfigError as problem:
        raise OriginNotAllowed(problem.what, where=problem.where, remedy=problem.remedy) from problem
    if place is None:
        return _url_of_another(sender, storage, name, wanted)
    plain = place.root + quote(key, safe="/")
    try:
        found = _below(sender, plain, wanted)
    except OriginNotAllowed:
        if is_s3(storage):  # the bucket behind the domain may be an origin
            return None
        raise
    return MadeUrl(name=found[0], key=found[1], url=maker_of_urls(storage, name))


def _below(sender: Sender, url: str, wanted: str | None) -> tuple[str, str]:
    try:
        name = wanted or sender.origin_of_url(url)
        if isinstance(sender.site.origin(name), HTTPOrigin):
            return name, sender.key_of_url(name, url)
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


def _url_of_another(sender: Sender, storage: Storage, name: str, wanted: str | None) -> MadeUrl | None:
    try:
        url = storage.url(name)
    except NotImplementedError:
        return None
    if not isinstance(url, str) or not url.lower().startswith(("https://", "http://")):
        return None
    found, key = _below(sender, url, wanted)
    origin = sender.site.origin(found)
    # What a storage adds to the name of its own file is a signature.
    stands_in = (
        replace(origin, expires_s=LEAST_S)
        if isinstance(origin, HTTPOrigin) and origin.expires_s is None and "?" in url
        else None
    )
    return MadeUrl(name=found, key=key, url=url, origin=stands_in)


def url_of_key(sender: Sender, name: str, alias: str | None, key: str) -> MakeUrl | None:
    """Return what makes the URL of an object key of origin `name`, which names the storage `alias`.

    None where NGINX asks for the key as it is, or xaccel signs.
    """
    if alias is None or not isinstance(sender.site.origins.get(name), HTTPOrigin):
        return None
    storage = unwrapped(storages[alias])
    if place_of_urls(storage, "origin") is None:
        return None
    make = maker_of_urls(storage, key)

    def checked(method: str) -> str:
        url = make(method)
        if sender.key_of_url(name, url) != key:
            raise KeyRefused(
                f"the storage {alias!r} calls {key!r} otherwise, so that it would be another object",
                where="key",
                remedy="Give the key as the storage spells it, without '//', '.' and '..'.",
            )
        return url

    return checked

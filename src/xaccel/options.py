"""The options of one download."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypedDict

Url = str | Callable[[str], str]
"""A stored URL, or a function that makes it for "GET" or "HEAD"."""

UNLIMITED = "unlimited"
"""As `limit_rate` or `concurrency`: whatever the site's default is, not for this transfer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The app's choices; None and "" mean the default. The page "Options" of the reference says what each means."""

    as_attachment: bool = False
    filename: str | None = None
    content_type: str | None = None
    cache_control: str | None = None
    allow_shared_cache: bool = False
    etag: str | None = None
    last_modified: datetime | None = None
    size: int | None = None
    limit_rate: int | Literal["unlimited"] | None = None
    limit_rate_after: int | None = None
    concurrency: str | None = None
    concurrency_key: str | None = None
    cache_version: str | None = None
    version_id: str | None = None
    subject: str = ""
    reason: str = ""
    content_security_policy: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    grant: int | None = None
    grant_session: str | None = None
    grant_tags: Sequence[str] = ()
    grant_folder: str | None = None


DEFAULTS = Options()


class ZipOptions(TypedDict, total=False):
    """The fields of `Options` that an archive may have, as keywords."""

    cache_control: str | None
    limit_rate: int | Literal["unlimited"] | None
    limit_rate_after: int | None
    concurrency: str | None
    concurrency_key: str | None
    subject: str
    reason: str
    headers: Mapping[str, str]


class SendOptions(ZipOptions, total=False):
    """The fields of `Options`, which says what they mean, as keywords."""

    as_attachment: bool
    filename: str | None
    content_type: str | None
    allow_shared_cache: bool
    etag: str | None
    last_modified: datetime | None
    size: int | None
    cache_version: str | None
    version_id: str | None
    content_security_policy: str | None
    grant: int | None
    grant_session: str | None
    grant_tags: Sequence[str]
    grant_folder: str | None


class SendArguments(SendOptions, total=False):
    """The keywords of `send_file`: where the file is, and the options.

    origin: name of the origin that has the key; a site with one origin needs none.
    bucket: one of the buckets of an origin that covers many.
    url: instead of a key, an absolute URL below the base of an origin, which is requested byte for byte. With
        `origin` it may be a function that makes the URL for "GET" or "HEAD".
    """

    origin: str | None
    bucket: str | None
    url: Url | None

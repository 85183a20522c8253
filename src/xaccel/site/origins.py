"""Where files are: an S3 bucket or all that a pattern matches, an HTTP(S) server, a directory.

Each is a table of settings: settings.toml says what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Literal

from xaccel.errors import OptionRefused, OriginNotAllowed
from xaccel.site import rules
from xaccel.site.setting import option


@dataclass(frozen=True, slots=True, kw_only=True)
class _RemoteOrigin:
    """Settings that buckets and HTTP servers share."""

    connect_to: tuple[str, ...] = option((), ok=rules.is_server)
    ca_file: str | None = option(None, ok=rules.is_absolute)
    verify_tls: bool = True
    client_certificate: str | None = option(None, ok=rules.is_absolute, needs="client_key")
    client_key: str | None = option(None, ok=rules.is_absolute, needs="client_certificate")
    redirect_hosts: tuple[str, ...] = option((), ok=rules.is_redirect_host)
    cache: bool = False
    storage_results: str | None = option(None, ok=rules.is_absolute, in_nginx=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Origin(_RemoteOrigin):
    """A bucket of Amazon S3 or of any storage with the same API.

    An option that is None is read as botocore reads it: environment, shared files, profile, instance role
    (https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html).
    """

    type: ClassVar[str] = "s3"

    bucket: str = field(metadata={"rules": rules.BUCKET})
    prefix: str = ""
    region: str | None = None
    endpoint_url: str | None = option(
        None,
        rules=rules.HTTP_URL,
        excludes=("use_dualstack_endpoint", "use_fips_endpoint", "use_accelerate_endpoint"),
    )
    profile: str | None = None
    addressing_style: Literal["path", "virtual", "auto"] | None = None
    use_dualstack_endpoint: bool | None = None
    use_fips_endpoint: bool | None = None
    use_accelerate_endpoint: bool | None = None
    request_payer: bool = False
    access_key: str | None = option(None, needs="secret_key", secret=True)
    secret_key: str | None = option(None, needs="access_key", secret=True)
    session_token: str | None = option(None, secret=True)
    expires_s: int = option(120, ok=range(1, rules.MAX_EXPIRES_S + 1).__contains__)
    treat_403_as_404: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPOrigin(_RemoteOrigin):
    """A server whose files are below one base URL."""

    type: ClassVar[str] = "http"

    base_url: str = field(metadata={"rules": rules.BASE_URL})
    request_headers: Mapping[str, str] = option({}, rules=rules.REQUEST_HEADER, secret=True)
    expires_s: int | None = option(None, ok=rules.is_positive)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOrigin:
    """A directory that NGINX can read. Python only gives uploads their names there."""

    type: ClassVar[str] = "local"

    root: str = field(metadata={"ok": rules.is_root})

    @property
    def staging(self) -> str:
        """The folder into which NGINX writes uploads, on the same disk."""
        return f"{self.root.rstrip('/')}/.xaccel-uploads"


CREDENTIALS = ("access_key", "secret_key", "session_token")
PLACE = (
    *("region", "endpoint_url", "profile", "addressing_style"),
    *("use_dualstack_endpoint", "use_fips_endpoint", "use_accelerate_endpoint"),
)
"""Options of a bucket that its endpoint depends on."""

Origin = S3Origin | HTTPOrigin | LocalOrigin
RemoteOrigin = S3Origin | HTTPOrigin

_is_one_of_many = rules.matches(r"(?!.*(?:--[a-z]+-s3|-s3alias)\Z)[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")


def covers_many(origin: Origin) -> bool:
    """Tell whether each call names the bucket."""
    return isinstance(origin, S3Origin) and "*" in origin.bucket


@lru_cache(maxsize=4096)
def expression(pattern: str) -> re.Pattern[str]:
    """Return what matches the buckets of `pattern`, or the URLs of a URL that holds one; the "*" is a group."""
    before, _, after = map(re.escape, pattern.partition("*"))
    # no dot, which a wildcard certificate does not cover, and no slash
    return re.compile(f"{before}([a-z0-9-]+){after}")


def covers(pattern: str, bucket: str) -> bool:
    """Tell whether `bucket` is the name of a bucket, 3 to 63 characters long, that `pattern` matches.

    Names that end as Amazon S3 keeps for aliases, which need another signature, match no pattern.
    """
    return _is_one_of_many(bucket) and expression(pattern).fullmatch(bucket) is not None


def bucket_named(origin: Origin, bucket: str | None) -> str:
    """Return the bucket that a call means: `bucket`, or the origin's only one; "" unless it is an S3 origin.

    Raises OptionRefused where an origin of many is given none, OriginNotAllowed for one that the origin does not cover.
    """
    own = origin.bucket if isinstance(origin, S3Origin) else ""
    if bucket in (None, own) and "*" not in own:
        return own
    if bucket is None:
        remedy = f'Name it for each call, for example bucket="{own.replace("*", "7")}".'
        what = f"the origin covers the buckets {own!r} and none of them is named"
        raise OptionRefused(what, where="bucket", remedy=remedy)
    if not isinstance(bucket, str) or "*" not in own or not covers(own, bucket):
        remedy = f"It covers {own!r}; a '*' stands for lower case letters, digits and '-'."
        remedy = remedy if own else "Leave `bucket` out: the origin has none."
        raise OriginNotAllowed(
            f"the origin does not cover the bucket {bucket!r}", where="bucket", remedy=remedy
        )
    return bucket


def bucket_in_names(origin: Origin, bucket: str | None) -> str:
    """Return the bucket that the names of objects in logs and the trail begin with; "" unless the origin covers many.

    Raises what `bucket_named` raises.
    """
    named = bucket_named(origin, bucket)
    return named if covers_many(origin) else ""

"""Where files are: an S3 bucket, an HTTP(S) server, a directory.

Values only, each a table of settings: settings.toml says what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from xaccel.site import rules
from xaccel.site.setting import option, required


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


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Origin(_RemoteOrigin):
    """A bucket of Amazon S3 or of any store with the same API.

    An option that is None is read as botocore reads it: environment, shared files, profile, instance role
    (https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html).
    """

    type: ClassVar[str] = "s3"

    bucket: str = field(metadata=required(check=rules.bucket))
    prefix: str = ""
    region: str | None = None
    endpoint_url: str | None = option(
        None,
        check=rules.http_url,
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
    expires_s: int = option(120, ok=rules.is_within(1, rules.MAX_EXPIRES_S))
    treat_403_as_404: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPOrigin(_RemoteOrigin):
    """A server whose files are below one base URL."""

    type: ClassVar[str] = "http"

    base_url: str = field(metadata=required(check=rules.base_url))
    request_headers: Mapping[str, str] = option({}, check=rules.request_headers, secret=True)
    expires_s: int | None = option(None, ok=rules.is_within(1, 10**18))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOrigin:
    """A directory that NGINX can read; Python never does."""

    type: ClassVar[str] = "local"

    root: str = field(metadata=required(ok=rules.is_root))


Origin = S3Origin | HTTPOrigin | LocalOrigin
RemoteOrigin = S3Origin | HTTPOrigin

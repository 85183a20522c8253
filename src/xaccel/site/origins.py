"""Where files live: an S3 bucket, an HTTP(S) server, a directory.

Values only. What they mean is decided elsewhere: target.py spells keys, signing.py signs, nginx/ prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Origin:
    """A bucket of Amazon S3 or of any store that speaks its protocol.

    Whatever is None is read as botocore reads it: environment, shared files, profile, instance role
    (https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html).

    bucket: its name, or the alias of an access point; not an ARN. With one "*" it is a pattern, for example "tenant-*":
        each hand-off names its bucket, and the "*" stands for one or more lower case letters, digits and "-".
    prefix: put before each object key, as it is; give the slash yourself.
    region: the bucket's region, which each signature names; S3 refuses a signature for another one.
    endpoint_url: scheme and host of another store, for example "https://minio.example:9000".
    profile: profile of AWS's shared files from which region and credentials are read.
    addressing_style: where the bucket's name is in the URL: "path", "virtual" or "auto".
    use_dualstack_endpoint: the endpoint of Amazon S3 that IPv6 reaches too.
    use_fips_endpoint: the one with validated cryptography (FIPS 140).
    use_accelerate_endpoint: the one at the edge of Amazon's network (Transfer Acceleration).
    request_payer: whoever the credentials belong to pays for the requests (Requester Pays).
    access_key: access key of the store, together with secret_key.
    secret_key: secret key of the store; it stays in the app, and only signatures leave it.
    session_token: session token that belongs to temporary keys.
    expires_s: seconds that a signature lives (1 to 604800). It is checked once, at the start of a transfer.
    connect_to: "host:port" addresses that NGINX connects to instead of looking the name up; the signed name
        stays in Host and in TLS.
    ca_file: PEM file of the authorities that may have signed the store's certificate; None: the system's.
    verify_tls: False is for a laboratory: anybody on the path can then read and change the files.
    client_certificate: PEM file of the certificate that NGINX shows to a store which asks for one.
    client_key: PEM file of that certificate's key; NGINX's master must be able to read it.
    redirect_hosts: hosts that the origin's redirects may lead to, beside itself: "host", "host:port" or "*.suffix".
        An https origin leads to https only.
    cache: whether NGINX may cache objects of a hand-off that names a cache version.
    treat_403_as_404: the credentials may not list the bucket, so that the store answers 403 for what is missing: users
        then get 404 for a 403 instead of 502. The line keeps "origin_403".
    """

    type: ClassVar[str] = "s3"

    bucket: str
    prefix: str = ""
    region: str | None = None
    endpoint_url: str | None = None
    profile: str | None = None
    addressing_style: Literal["path", "virtual", "auto"] | None = None
    use_dualstack_endpoint: bool | None = None
    use_fips_endpoint: bool | None = None
    use_accelerate_endpoint: bool | None = None
    request_payer: bool = False
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_s: int = 120
    connect_to: tuple[str, ...] = ()
    ca_file: str | None = None
    verify_tls: bool = True
    client_certificate: str | None = None
    client_key: str | None = None
    redirect_hosts: tuple[str, ...] = ()
    cache: bool = False
    treat_403_as_404: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPOrigin:
    """A server whose files lie under one base URL.

    base_url: scheme, host, port and path, ending in "/".
    request_headers: sent by NGINX with each request, for example {"Authorization": "Bearer …"}. They stand in
        the printed NGINX text and are seen by NGINX and the origin only: redirects take them to no other host.
    expires_s: seconds that a signature lives at least, where the app makes the URLs with an SDK of its own; None:
        they are not signed. The query of a signed URL is no part of the object's name, and so not of its cache entry.
    connect_to: "host:port" addresses that NGINX connects to instead of looking the name up; the URL's name stays in
        Host and in TLS.
    ca_file: PEM file of the authorities that may have signed the server's certificate; None: the system's.
    verify_tls: False is for a laboratory: anybody on the path can then read and change the files.
    client_certificate: PEM file of the certificate that NGINX shows to a server which asks for one.
    client_key: PEM file of that certificate's key; NGINX's master must be able to read it.
    redirect_hosts: hosts that the server's redirects may lead to, beside itself: "host", "host:port" or "*.suffix".
        An https origin leads to https only.
    cache: whether NGINX may cache objects of a hand-off that names a cache version.
    """

    type: ClassVar[str] = "http"

    base_url: str
    request_headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    expires_s: int | None = None
    connect_to: tuple[str, ...] = ()
    ca_file: str | None = None
    verify_tls: bool = True
    client_certificate: str | None = None
    client_key: str | None = None
    redirect_hosts: tuple[str, ...] = ()
    cache: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOrigin:
    """A directory that NGINX can read.

    root: absolute path. Python never opens it.
    """

    type: ClassVar[str] = "local"

    root: str


Origin = S3Origin | HTTPOrigin | LocalOrigin
RemoteOrigin = S3Origin | HTTPOrigin

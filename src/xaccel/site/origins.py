"""Where files are: an S3 bucket, an HTTP(S) server, a directory.

Values only, each a table of settings (`xaccel.site.setting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from xaccel.site import rules
from xaccel.site.setting import described, option


@dataclass(frozen=True, slots=True, kw_only=True)
class _RemoteOrigin:
    """Settings that buckets and HTTP servers share."""

    connect_to: tuple[str, ...] = option(
        (),
        'NGINX connects to these addresses, "host:port", instead of looking up the name. TLS, the `Host` header and'
        " signatures keep the name.",
        check=rules.CONNECT_TO,
        example='["10.0.0.5:9000"]',
    )
    ca_file: str | None = option(
        None,
        "An authority in this PEM file must have signed the certificate of the origin. Without it, NGINX trusts the"
        " system's authorities.",
        check=rules.PEM_FILE,
    )
    verify_tls: bool = option(
        True,
        "NGINX checks the certificate of the origin. With `False`, anybody between NGINX and the origin can read and"
        " change the files.",
    )
    client_certificate: str | None = option(
        None,
        "NGINX shows the certificate in this PEM file to an origin that asks for one. It needs `client_key`.",
        check=rules.PEM_FILE,
        needs="client_key",
    )
    client_key: str | None = option(
        None,
        "This PEM file has the key of `client_certificate`. NGINX's master process must be able to read it.",
        check=rules.PEM_FILE,
        needs="client_certificate",
    )
    redirect_hosts: tuple[str, ...] = option(
        (),
        "NGINX follows redirects of the origin to these hosts too, not only to the origin itself. Write"
        ' "host", "host:port" or "*.suffix". From an https origin it follows redirects to https only.',
        check=rules.REDIRECT_HOST,
        example='["*.cdn.example"]',
    )
    cache: bool = option(
        False, "NGINX caches the objects of calls with a `cache_version`. The site then needs `CACHE`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Origin(_RemoteOrigin):
    """A bucket of Amazon S3 or of any store with the same API.

    An option that is None is read as botocore reads it: environment, shared files, profile, instance role
    (https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html).
    """

    type: ClassVar[str] = "s3"

    bucket: str = field(
        metadata=described(
            "The name of the bucket, or the alias of an access point; ARNs are not supported. With one `*`, such as"
            " `tenant-*`, the origin covers many buckets: each call names its bucket, and `*` matches one or"
            " more lower case letters, digits and `-`.",
            check=rules.BUCKET,
        )
    )
    prefix: str = option("", "xaccel puts this text before each object key. It adds no slash.")
    region: str | None = option(
        None,
        "The region of the bucket. Each signature has it, and S3 refuses a signature for another region.",
    )
    endpoint_url: str | None = option(
        None,
        "The scheme and host of the store, if it is not Amazon S3. The three `use_…_endpoint` options are refused"
        " beside it, since botocore would ignore them.",
        check=rules.ENDPOINT_URL,
        excludes=("use_dualstack_endpoint", "use_fips_endpoint", "use_accelerate_endpoint"),
    )
    profile: str | None = option(
        None, "Region and credentials are read from this profile of AWS's shared files."
    )
    addressing_style: Literal["path", "virtual", "auto"] | None = option(
        None,
        'The name of the bucket is in the path of the URL ("path") or in front of the host'
        ' ("virtual"). "auto" lets botocore decide.',
    )
    use_dualstack_endpoint: bool | None = option(
        None, "NGINX uses the endpoint of Amazon S3 that has IPv6 too (dual stack)."
    )
    use_fips_endpoint: bool | None = option(
        None, "NGINX uses the endpoint of Amazon S3 with validated cryptography (FIPS 140)."
    )
    use_accelerate_endpoint: bool | None = option(
        None, "NGINX uses the endpoint at the edge of Amazon's network (Transfer Acceleration)."
    )
    request_payer: bool = option(
        False, "Amazon charges the requests to the account of the credentials (Requester Pays)."
    )
    access_key: str | None = option(
        None,
        "The access key of the store, together with `secret_key`. Without them, botocore searches for credentials.",
        needs="secret_key",
        secret=True,
    )
    secret_key: str | None = option(
        None,
        "The secret key of the store. It stays in the app; NGINX gets only signatures.",
        needs="access_key",
        secret=True,
    )
    session_token: str | None = option(None, "The session token that belongs to temporary keys.", secret=True)
    expires_s: int = option(
        120,
        "A signature is valid for this number of seconds (1 to 604800). The store checks it once, at the start"
        " of a transfer.",
        check=rules.whole(1, rules.MAX_EXPIRES_S, "a lifetime that S3 signs"),
    )
    treat_403_as_404: bool = option(
        False,
        "The user gets 404 instead of 502 if the store responds with 403. S3 responds with 403 for a missing object"
        " if the credentials may not list the bucket. The log entry still has `origin_403`.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPOrigin(_RemoteOrigin):
    """A server whose files are below one base URL."""

    type: ClassVar[str] = "http"

    base_url: str = field(
        metadata=described(
            'The URLs of all files begin with this URL. It ends with "/".', check=rules.base_url
        )
    )
    request_headers: Mapping[str, str] = option(
        {},
        "NGINX sends these headers with each request to this origin, and to no other host. They are in the NGINX"
        " configuration, so keep it secret.",
        check=rules.request_headers,
        secret=True,
    )
    expires_s: int | None = option(
        None,
        "The URLs that your app's SDK signs are valid for at least this number of seconds. `None`: the URLs are not"
        " signed. The query of a signed URL is not a part of the object's name or of its cache key.",
        check=rules.whole(1, 10**18, "the life of a signature"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOrigin:
    """A directory that NGINX can read."""

    type: ClassVar[str] = "local"

    root: str = field(
        metadata=described(
            "The absolute path of the directory. NGINX reads it; Python never does.", check=rules.ROOT
        )
    )


Origin = S3Origin | HTTPOrigin | LocalOrigin
RemoteOrigin = S3Origin | HTTPOrigin

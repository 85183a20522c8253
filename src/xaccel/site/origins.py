"""Where files are: an S3 bucket, an HTTP(S) server, a directory.

Values only, each a table of settings (`xaccel.site.setting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from xaccel.site import rules
from xaccel.site.setting import Setting

ConnectTo = Annotated[
    tuple[str, ...],
    Setting(
        'Addresses, "host:port", that NGINX connects to instead of looking up the name. TLS, the `Host` header and'
        " signatures keep the name.",
        check=rules.CONNECT_TO,
        example='["10.0.0.5:9000"]',
    ),
]
CaFile = Annotated[
    str | None,
    Setting(
        "PEM file of the authorities that may sign the certificate of the origin. Without it, the system's"
        " authorities.",
        check=rules.PEM_FILE,
    ),
]
VerifyTls = Annotated[
    bool,
    Setting(
        "Check the certificate of the origin. Use `False` in a laboratory only: anybody between NGINX and the origin"
        " can then read and change the files."
    ),
]
ClientCertificate = Annotated[
    str | None,
    Setting(
        "PEM file of the certificate that NGINX shows to an origin that asks for one. It needs `client_key`.",
        check=rules.PEM_FILE,
        needs="client_key",
    ),
]
ClientKey = Annotated[
    str | None,
    Setting(
        "PEM file of the key of `client_certificate`. NGINX's master process must be able to read it.",
        check=rules.PEM_FILE,
        needs="client_certificate",
    ),
]
RedirectHosts = Annotated[
    tuple[str, ...],
    Setting(
        'Hosts that redirects of the origin may lead to, besides the origin itself: "host", "host:port" or "*.suffix".'
        " An https origin follows redirects to https only.",
        check=rules.REDIRECT_HOST,
        example='["*.cdn.example"]',
    ),
]
Cached = Annotated[
    bool,
    Setting("Let NGINX cache objects whose hand-off has a `cache_version`. The site then needs `CACHE`."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Origin:
    """A bucket of Amazon S3 or of any store with the same API.

    An option that is None is read as botocore reads it: environment, shared files, profile, instance role
    (https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html).
    """

    type: ClassVar[str] = "s3"

    bucket: Annotated[
        str,
        Setting(
            'Name of the bucket, or the alias of an access point; ARNs are not supported. With one "*", such as'
            ' "tenant-*", the origin covers many buckets: each call names its bucket, and the "*" stands for one or'
            ' more lower case letters, digits and "-".',
            check=rules.BUCKET,
        ),
    ]
    prefix: Annotated[
        str, Setting('Text before each object key, such as "uploads/". xaccel adds no slash.')
    ] = ""
    region: Annotated[
        str | None,
        Setting(
            "Region of the bucket. Each signature contains it, and S3 refuses a signature for another region."
        ),
    ] = None
    endpoint_url: Annotated[
        str | None,
        Setting(
            'Scheme and host of another store than Amazon S3, for example "https://minio.example:9000". botocore'
            " ignores the three `use_…_endpoint` options for it, so they are refused beside it.",
            check=rules.ENDPOINT_URL,
            excludes=("use_dualstack_endpoint", "use_fips_endpoint", "use_accelerate_endpoint"),
        ),
    ] = None
    profile: Annotated[
        str | None, Setting("Profile of AWS's shared files that region and credentials are read from.")
    ] = None
    addressing_style: Annotated[
        Literal["path", "virtual", "auto"] | None,
        Setting(
            'Whether the name of the bucket is in the path of the URL ("path") or before its host'
            ' ("virtual"). "auto" lets botocore decide.'
        ),
    ] = None
    use_dualstack_endpoint: Annotated[
        bool | None, Setting("Use the endpoint of Amazon S3 that is reachable over IPv6 too.")
    ] = None
    use_fips_endpoint: Annotated[
        bool | None, Setting("Use the endpoint of Amazon S3 with validated cryptography (FIPS 140).")
    ] = None
    use_accelerate_endpoint: Annotated[
        bool | None, Setting("Use the endpoint at the edge of Amazon's network (Transfer Acceleration).")
    ] = None
    request_payer: Annotated[
        bool,
        Setting("Charge the requests to the account of the credentials, as a Requester Pays bucket demands."),
    ] = False
    access_key: Annotated[
        str | None,
        Setting(
            "Access key of the store, together with `secret_key`. Without them, botocore searches for credentials.",
            needs="secret_key",
        ),
    ] = field(default=None, repr=False)
    secret_key: Annotated[
        str | None,
        Setting(
            "Secret key of the store. It stays in the app; only signatures leave it.", needs="access_key"
        ),
    ] = field(default=None, repr=False)
    session_token: Annotated[str | None, Setting("Session token that belongs to temporary keys.")] = field(
        default=None, repr=False
    )
    expires_s: Annotated[
        int,
        Setting(
            "How long a signature is valid, in seconds (1 to 604800). The store checks it once, at the start of a"
            " transfer.",
            check=rules.whole(1, rules.MAX_EXPIRES_S, "a lifetime that S3 signs"),
        ),
    ] = 120
    connect_to: ConnectTo = ()
    ca_file: CaFile = None
    verify_tls: VerifyTls = True
    client_certificate: ClientCertificate = None
    client_key: ClientKey = None
    redirect_hosts: RedirectHosts = ()
    cache: Cached = False
    treat_403_as_404: Annotated[
        bool,
        Setting(
            "Send 404 instead of 502 when the store answers 403. S3 answers 403 for a missing object if the"
            " credentials may not list the bucket. The log entry still has `origin_403`."
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPOrigin:
    """A server whose files are below one base URL."""

    type: ClassVar[str] = "http"

    base_url: Annotated[
        str, Setting('Scheme, host, port and path of all files, with "/" at the end.', check=rules.base_url)
    ]
    request_headers: Annotated[
        Mapping[str, str],
        Setting(
            'Headers that NGINX sends with each request, such as {"Authorization": "Bearer …"}. They are in the NGINX'
            " configuration, and go to this origin only: no redirect takes them to another host.",
            check=rules.request_headers,
        ),
    ] = field(default_factory=dict, repr=False, hash=False)
    expires_s: Annotated[
        int | None,
        Setting(
            "How long a signature is valid at least, in seconds, if the app makes the URLs with an SDK of its own."
            " `None`: the URLs are not signed. The query of a signed URL is no part of the object's name or of its"
            " cache entry.",
            check=rules.whole(1, 10**18, "the life of a signature"),
        ),
    ] = None
    connect_to: ConnectTo = ()
    ca_file: CaFile = None
    verify_tls: VerifyTls = True
    client_certificate: ClientCertificate = None
    client_key: ClientKey = None
    redirect_hosts: RedirectHosts = ()
    cache: Cached = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOrigin:
    """A directory that NGINX can read."""

    type: ClassVar[str] = "local"

    root: Annotated[
        str, Setting("Absolute path of the directory. NGINX opens it; Python never does.", check=rules.ROOT)
    ]


Origin = S3Origin | HTTPOrigin | LocalOrigin
RemoteOrigin = S3Origin | HTTPOrigin

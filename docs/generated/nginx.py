"""Tables about NGINX: private headers, error pages, fields of a log entry, the configuration of one site."""

from __future__ import annotations

from docs.generated import engine
from xaccel import S3Origin, Site
from xaccel.tools.nginx import Nginx, config_folder, render
from xaccel.tools.nginx.probe import DEFAULT, DYNAMIC, OPTIONAL
from xaccel_testing.as_nginx import pages

MEANINGS = {
    "auth": ("the site's secret", "refused: 404"),
    "id": ("transfer id, UUIDv7", "refused: 404"),
    "url": ("absolute URL to request, percent-encoded ASCII, with its signature", "refused: 502"),
    "method": ("method that was signed: GET or HEAD", "GET"),
    "cache-key": (
        "name of the cache entry: 64 hexadecimal digits of the object, `-`, 64 of the cache version",
        "not cached",
    ),
    "slices": ("1 if the signature lasts for a download in slices", "the object is fetched whole"),
    "subject": ("the user or other party that limits and audit count", "not limited"),
    "type": ("Content-Type", "the origin's"),
    "disposition": ("Content-Disposition", "none is sent"),
    "cache-control": ("Cache-Control", "`private, no-cache`"),
    "csp": ("Content-Security-Policy", "by type"),
    "etag": ("ETag", "the origin's, unless the app gives Last-Modified"),
    "last-modified": ("Last-Modified", "the origin's, unless the app gives ETag"),
    "size": ("bytes of the object, for the log entry", "not written"),
    "note": ("text from the app for the log entry; printable ASCII", "not written"),
    "rate": ("bytes a second for this transfer; 0: no limit", "the site's"),
    "rate-after": ("bytes that NGINX sends at full speed first", "the site's"),
    "concurrency": ("class that counts this transfer, or `unlimited`", "`default`, if the site has it"),
    "concurrency-key": ("the party that it is counted for", "the subject"),
    "traced": ("1 for `xaccel trace`: the response has the headers of a trace", "no trace"),
}


def private_headers() -> str:
    """Return the table of the private headers."""
    assert list(MEANINGS) == engine.private_headers(), "a private header of the engine is not described here"
    rows = ["| Header | Meaning | When empty |", "|---|---|---|"]
    rows += [
        f"| `Xaccel-{name.title()}` | {meaning} | {empty} |" for name, (meaning, empty) in MEANINGS.items()
    ]
    return "\n".join(rows) + "\n"


def error_pages() -> str:
    """Return the table of error pages, by status of the origin."""
    rows = ["| Origin | User | Text |", "|---|---|---|"]
    for page in pages():
        origin = ", ".join(map(str, page.origin))
        if page.status == 429:
            origin = "(no request: the subject has too many transfers at once)"
        elif not page.origin:
            origin = (
                "any other status from 300 on except 304, a redirect that is not followed,"
                " or a connection that is refused or reset"
            )
        elif page.status == 504:
            origin += ", or a timeout"
        text = page.text.replace("\\n", "").strip()
        again = f" (Retry-After: {page.retry_after_s})" if page.retry_after_s else ""
        rows.append(f"| {origin} | {page.status} | {text}{again} |")
    return "\n".join(rows) + "\n"


def log_fields() -> str:
    """Return the table of the fields of a log entry."""
    rows = ["| Field | JSON type | Meaning |", "|---|---|---|"]
    for name, expression, meaning in engine.log_fields():
        kind = "text" if expression.startswith('"') else "number"
        rows.append(f"| `{name}` | {kind} | {meaning} |")
    return "\n".join(rows) + "\n"


def storages_of_headers() -> str:
    """Return the storages whose headers are on the published list."""
    names = ", ".join(list(engine.hidden_headers())[1:])
    return f"The list has the headers of: {names}.\n"


def wildcards() -> str:
    """Return the prefixes that headers-more clears."""
    return ", ".join(f"`{name}`" for name in engine.hidden_prefixes()) + "\n"


def sample() -> str:
    """Return the configuration of one bucket on Debian's NGINX with njs."""
    origin = S3Origin(
        bucket="acme-documents",
        region="eu-central-1",
        endpoint_url="https://s3.eu-central-1.amazonaws.com",
        addressing_style="virtual",
        connect_to=("192.0.2.10:443",),
        ca_file="/etc/ssl/certs/ca-certificates.crt",
    )
    site = Site(
        origins={"documents": origin},
        secrets=("<the-site's-secret>",),
        transfer_log="/var/log/xaccel/transfers.log",
    )
    nginx = Nginx(version=(1, 26, 3), modules=DEFAULT.union(OPTIONAL, DYNAMIC))
    folder = "/etc/nginx/xaccel"
    parts = render(site, nginx, folder=folder, lookup=lambda _: ("192.0.2.10:443", "192.0.2.11:443"))
    texts = (
        f"# ---- {folder}/{name}\n{text}"
        for name, text in config_folder.generated(site, parts, folder).items()
    )
    return "```text\n" + "\n".join(texts) + "```\n"

"""Vectors of what is fetched: keys, stored URLs, directories, buckets, methods, signatures, cache keys and slices."""

from __future__ import annotations

from typing import Any

from tests.vectors.case import case

_KEYS = {
    "plain": "2026/report.pdf",
    "space": "annual report 2026.pdf",
    "percent": "100%.pdf",
    "percent-escape": "a%2Fb%20c%25.pdf",
    "plus": "a+b c.pdf",
    "query-characters": "what?&=#now.pdf",
    "unreserved": "AZaz09-._~",
    "sub-delimiters": "!$&'()*+,;=:@[]",
    "quotes-and-brackets": '"<>\\^`{|}.pdf',
    "semicolon": "a;version=2/b;c",
    "non-ascii": "Übersicht/四半期 報告.pdf",
    "decomposed": "U\u0308bersicht.pdf",
    "astral": "\N{FACE WITH TEARS OF JOY}.png",
    "controls": "tab\tnewline\nreturn\rdelete\x7f.txt",
    "next-line-and-separators": "a\x85b\u2028c\ufeffd.txt",
    "trailing-blank": "name ",
    "double-slash": "a//b.pdf",
    "leading-slash": "/a.pdf",
    "trailing-slash": "folder/",
    "only-slashes": "//",
    "dots-in-names": "..a/b../.hidden/...",
    "longest": "k" * 1024,
    "url-like": "http://elsewhere.example/a.pdf",
}
_EVERYWHERE = [
    case(f"key-{name}-{origin}", "Only the unreserved characters of RFC 3986 and '/' stay.", origin, key)
    for name, key in _KEYS.items()
    for origin in ("path", "virtual", "partner")
]
_OF_DIRECTORIES = [
    case(
        f"key-{name}-media",
        "The key of a directory stands in X-Accel-Redirect, encoded once: NGINX decodes it once.",
        "media",
        key,
        content_type="application/octet-stream",
    )
    for name, key in _KEYS.items()
    if name not in ("double-slash", "leading-slash", "trailing-slash", "only-slashes", "url-like")
]
_PLACES = [
    case("dot-segments-virtual", "Dots are a key where the host is the bucket's own.", "virtual", "a/../b/./c"),
    case("prefix", "The origin's prefix stands before the key as it is.", "prefixed", "a b.pdf"),
    case("bucket-of-many", "The call names the bucket.", "tenants", "a.pdf", bucket="acme-tenant-7"),
    case("bucket-alias-inside", "Amazon keeps ends of names, and nothing inside of them.", "tenants", "a.pdf",
         bucket="acme-tenant-x-s3alias-7"),
    case("bucket-express-inside", "Amazon keeps ends of names, and nothing inside of them.", "tenants", "a.pdf",
         bucket="acme-tenant-x--x-s3-7"),
    case("bucket-named-again", "The origin's only bucket may be named.", "path", "a.pdf", bucket="acme-documents"),
    case("site-of-a-name", "The name of a site stands in its internal locations.", "partner", "a.pdf", site="shop"),
    case("two-secrets", "While a secret is rotated the first one is sent.", "not-kept", "a.pdf", site="shop"),
    case("directory-with-cache", "Nothing of a directory is kept.", "media", "a.pdf", site="shop", cache_version="v1",
         content_type="application/pdf"),
    case("directory-type-of-name", "A directory has no types of its own: the app gives one.", "media", "a.pdf"),
    case("directory-type-unknown", "Without a known ending it is application/octet-stream.", "media", "a.unknown"),
    case("directory-head", "A directory is asked for nothing: no method is told.", "media", "a.pdf", method="HEAD"),
]  # fmt: skip
_URLS = [
    case("url-as-it-is", "Path and query of a stored URL stay byte for byte.", "partner",
         url="https://files.partner.example/exports/a%20b/%7e(1)%2B+.pdf?token=a%2fb&x"),
    case("url-authority", "Scheme and host are spelled as the origin's base, the default port goes.", "partner",
         url="HTTPS://FILES.Partner.example:443/exports/a.pdf"),
    case("url-segment-encoded", "Segments of the base are compared decoded.", "partner",
         url="https://files.partner.example/%65xports/a.pdf"),
    case("url-of-an-object", "The stored URL of an object is signed.", "virtual",
         url="https://acme-documents.s3.eu-central-1.amazonaws.com/a%20(b)%2b.pdf"),
    case("url-of-an-object-path", "Path style: the bucket is the first segment.", "path",
         url="http://store.example:9000/acme-documents/a%20b.pdf", method="HEAD"),
    case("url-names-the-bucket", "A URL names the bucket of an origin that covers many.", "tenants",
         url="https://acme-tenant-7.s3.eu-central-1.amazonaws.com/a.pdf"),
    case("url-below-a-prefix", "The prefix is part of the place.", "prefixed",
         url="http://store.example:9000/acme-documents/2026/%C3%A9t%C3%A9%20100%25/a.pdf"),
]  # fmt: skip
_SIGNATURES = [
    case("amazon-example", "The worked example in Amazon's documentation of Signature Version 4 in the query.",
         "example",
         "test.txt", site="amazon", now="2013-05-24T00:00:00Z"),
    case("head", "A HEAD is signed as HEAD: a store refuses it on a signature for GET.", "path", "a.pdf",
         method="HEAD"),
    case("head-unsigned", "The method is told for every remote origin.", "partner", "a.pdf", method="HEAD"),
    case("post", "Any method but HEAD means GET.", "path", "a.pdf", method="POST"),
    case("session-token", "A session token is in the signature, and expires_s is the origin's.", "temporary", "a.pdf"),
    case("version", "One version of an object.", "path", "a.pdf", version_id="3/L4kqtJl.c+pq="),
    case("version-null", "The version 'null' is a version, and names no entry of the cache.", "store", "a.pdf",
         site="shop",
         version_id="null"),
    case("requester-pays", "Who signs pays.", "payer", "a b.pdf"),
    case("requester-pays-version", "The parameters are sorted before they are signed.", "payer", "a.pdf",
         version_id="v1"),
    case("clock", "The time of the signature is UTC, in seconds.", "path", "a.pdf",
         now="2027-01-01T00:59:59.999+01:00"),
]  # fmt: skip
_CACHED = [
    case("cached", "An identity names the entry; what is kept whole is signed as ever.", "store", "a.pdf", site="shop",
         cache_version="sha256:abc"),
    case("cached-head", "What is kept is asked for with GET.", "store", "a.pdf", site="shop", cache_version="v1",
         method="HEAD"),
    case("cached-non-ascii", "An identity is any text; lengths are counted in characters.", "store", "é.pdf",
         site="shop",
         cache_version="版\N{FACE WITH TEARS OF JOY}"),
    case("cached-version", "The version of an object names its bytes.", "store", "a.pdf", site="shop", version_id="v1"),
    case("cached-version-and-identity", "Both do.", "store", "a.pdf", site="shop", version_id="v1", cache_version="2"),
    case("cached-url", "A stored URL is the same entry as its key.", "store", site="shop", cache_version="v1",
         url="http://store.example:9000/acme-documents/a.pdf"),
    case("cached-http", "A server without signatures is asked for in slices.", "partner", "a.pdf", site="shop",
         cache_version="v1"),
    case("cached-http-small", "Not an object that is no larger than a slice.", "partner", "a.pdf", site="shop",
         cache_version="v1", size=4 * 1024 * 1024),
    case("cached-http-redirects", "Not from an origin that may redirect.", "leads-on", "a.pdf", site="shop",
         cache_version="v1", size=10**9),
    case("cached-slices", "The signature outlives the slowest client.", "store", "a.pdf", site="shop",
         cache_version="v1", size=1_000_000_001),
    case("cached-slices-limited", "A slower limit makes a longer life.", "store", "a.pdf", site="shop",
         cache_version="v1", size=1_000_000_001, limit_rate=10_000),
    case("cached-slices-unlimited", "Without a limit the site's slowest client counts.", "store", "a.pdf", site="shop",
         cache_version="v1", size=1_000_000_001, limit_rate="unlimited"),
    case("cached-too-long", "No signature lives more than seven days: the object is fetched whole.", "store", "a.pdf",
         site="shop", cache_version="v1", size=10**12),
    case("cached-token-of-unknown-life", "Nobody knows how long these credentials live.", "temporary", "a.pdf",
         site="shop", cache_version="v1", size=10**9),
    case("cached-size-unknown", "Without a size nobody knows how long the signature must live.", "store", "a.pdf",
         site="shop", cache_version="v1"),
    case("cached-whole-only", "The site wants no slices.", "store", "a.pdf", site="whole-only", cache_version="v1",
         size=10**9),
    case("not-kept", "An origin without a cache keeps nothing.", "not-kept", "a.pdf", site="shop", cache_version="v1"),
]  # fmt: skip
_BLOB = "https://blobs.example/documents/a%20(1).pdf"
_OF_METHODS = {"GET": f"{_BLOB}?for=GET&sig=a%2Fb", "HEAD": f"{_BLOB}?for=HEAD&sig=c%3D"}


def _signed(name: str, why: str, url: str | dict[str, str], /, **more: Any) -> dict[str, Any]:
    return case(f"signed-by-the-app{name}", why, "signed", url=url, site="shop", **more)


_SIGNED_BY_THE_APP = [
    _signed("", "A URL that the app signed is sent byte for byte.", f"{_BLOB}?sig=a%2Fb"),
    _signed("-head", "A text is for GET: its signature may be for one method.", f"{_BLOB}?sig=a%2Fb", method="HEAD"),
    _signed("-for-head", "The app signs for the method that NGINX asks with.", _OF_METHODS, method="HEAD"),
    _signed("-for-post", "Any method but HEAD means GET.", _OF_METHODS, method="POST"),
    _signed("-cached", "The signature is in no cache key.", f"{_BLOB}?sig=a%2Fb", cache_version="v1"),
    _signed("-cached-again", "With another signature and another spelling it is the same entry.",
            "https://BLOBS.example:443/documents/%61%20%281%29.pdf?sig=other", cache_version="v1"),
    _signed("-cached-slash", "An encoded '/' stays one.", "https://blobs.example/documents/a%2fb.pdf?sig=a",
            cache_version="v1"),
    _signed("-cached-head", "What is kept is asked for with GET.", _OF_METHODS, method="HEAD", cache_version="v1"),
    _signed("-slices", "The slowest client has it 60 seconds before the signature ends.", f"{_BLOB}?sig=a",
            cache_version="v1", size=3540 * 65536),
    _signed("-too-long", "A byte more takes a second more: the object is fetched whole.", f"{_BLOB}?sig=a",
            cache_version="v1", size=3540 * 65536 + 1),
    _signed("-slices-limited", "A slower limit takes longer.", f"{_BLOB}?sig=a", cache_version="v1", size=10**8,
            limit_rate=10_000),
    _signed("-size-unknown", "Without a size nobody knows how long the signature must live.", f"{_BLOB}?sig=a",
            cache_version="v1"),
]  # fmt: skip

HAND_OFFS = [*_EVERYWHERE, *_OF_DIRECTORIES, *_PLACES, *_URLS, *_SIGNATURES, *_CACHED, *_SIGNED_BY_THE_APP]

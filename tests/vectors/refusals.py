"""Vectors of what must be refused, each for one input. Nothing is sent then."""

from __future__ import annotations

from typing import Any

from tests.vectors.case import case

LONE_SURROGATE = "lone-surrogate"


def _option(name: str, why: str, /, **options: Any) -> dict[str, Any]:
    site = options.pop("site", "main")
    return case(f"refused-{name}", why, "partner", "a.pdf", site=site, **options)


def _key(name: str, why: str, origin: str, key: str, **more: Any) -> dict[str, Any]:
    return case(f"refused-key-{name}", why, origin, key, **more)


def _url(name: str, why: str, url: str, origin: str = "partner", **more: Any) -> dict[str, Any]:
    return case(f"refused-url-{name}", why, origin, url=url, **more)


_DOTS = "It could leave its origin."
_KEYS = [
    _key("empty", "It names no object.", "path", ""),
    _key("nul", "No store keeps it.", "path", "a\0b"),
    _key("too-long", "1024 bytes of UTF-8 at most.", "virtual", "é" * 513),
    _key("dots-path", _DOTS, "path", "a/../../other/b"),
    _key("dots-http", _DOTS, "partner", "../secret"),
    _key("dot", _DOTS, "partner", "a/./b"),
    _key("dots-backslash", "Some servers read it as a slash.", "partner", "a\\..\\b"),
    _key("dots-media", _DOTS, "media", "a/../b"),
    _key("media-leading-slash", "No path below a directory.", "media", "/etc/passwd"),
    _key("media-trailing-slash", "It names a directory.", "media", "a/"),
    _key("media-double-slash", "No path below a directory.", "media", "a//b"),
    _key("prefix-dots", "A prefix makes no key of what is none.", "prefixed", ".."),
    _key("prefix-empty", "A prefix makes no key of what is none.", "prefixed", ""),
    {**_key(LONE_SURROGATE, "It is no text that UTF-8 can spell.", "path", "a\ud800b"), "needs": LONE_SURROGATE},
]  # fmt: skip
_PLACES = [
    case("refused-origin", "The site does not have it.", "elsewhere", "a.pdf"),
    case("refused-bucket-missing", "An origin of many needs a name.", "tenants", "a.pdf"),
    case("refused-bucket-other", "The pattern does not cover it.", "tenants", "a.pdf", bucket="other-tenant-7"),
    case("refused-bucket-empty", "The '*' stands for one character or more.", "tenants", "a.pdf",
         bucket="acme-tenant-"),
    case("refused-bucket-dot", "The '*' stands for no dot.", "tenants", "a.pdf", bucket="acme-tenant-a.b"),
    case("refused-bucket-slash", "The '*' stands for no slash.", "tenants", "a.pdf", bucket="acme-tenant-a/b"),
    case("refused-bucket-upper", "The '*' stands for lower case letters.", "tenants", "a.pdf", bucket="acme-tenant-A"),
    case("refused-bucket-alias", "Aliases want another signature.", "tenants", "a.pdf", bucket="acme-tenant-x-s3alias"),
    case("refused-bucket-express", "A directory bucket wants another signature.", "tenants", "a.pdf",
         bucket="acme-tenant-x--x-s3"),
    case("refused-bucket-object-lambda", "Aliases want another signature.", "tenants", "a.pdf",
         bucket="acme-tenant-x--ol-s3"),
    case("refused-bucket-end", "A name ends in a letter or a digit.", "tenants", "a.pdf", bucket="acme-tenant-x-"),
    case("refused-bucket-long", "63 characters at most.", "tenants", "a.pdf", bucket="acme-tenant-" + "x" * 52),
    case("refused-bucket-of-one", "The origin has another one.", "path", "a.pdf", bucket="other"),
    case("refused-bucket-of-none", "A server has none.", "partner", "a.pdf", bucket="acme-documents"),
]  # fmt: skip
_URLS = [
    _url("host", "It is on another host.", "https://elsewhere.example/exports/a.pdf"),
    _url("host-suffix", "It is on another host.", "https://files.partner.example.evil.example/exports/a.pdf"),
    _url("port", "It is on another port.", "https://files.partner.example:8443/exports/a.pdf"),
    _url("scheme", "It has another scheme.", "http://files.partner.example/exports/a.pdf"),
    _url("above", "It is above the base.", "https://files.partner.example/a.pdf"),
    _url("sibling", "A segment is compared whole.", "https://files.partner.example/exports-of-others/a.pdf"),
    _url("encoded-slash", "An encoded slash separates nothing.", "https://files.partner.example/exports%2Fa.pdf"),
    _url("dots", _DOTS, "https://files.partner.example/exports/../a.pdf"),
    _url("dots-encoded", _DOTS, "https://files.partner.example/exports/%2E%2e/a.pdf"),
    _url("dots-encoded-twice", _DOTS, "https://files.partner.example/exports/%252e%252e/a.pdf"),
    _url("dots-behind-an-encoded-slash", _DOTS, "https://files.partner.example/exports/a%2f..%2f..%2fb"),
    _url("dots-parameter", "Some servers cut ';' off.", "https://files.partner.example/exports/..;x=1/a.pdf"),
    _url("user", "User information.", "https://user@files.partner.example/exports/a.pdf"),
    _url("fragment", "A fragment.", "https://files.partner.example/exports/a.pdf#page=2"),
    _url("backslash", "A backslash.", "https://files.partner.example\\@elsewhere.example/exports/a.pdf"),
    _url("space", "Not percent-encoded.", "https://files.partner.example/exports/a b.pdf"),
    _url("non-ascii", "Not percent-encoded.", "https://files.partner.example/exports/é.pdf"),
    _url("line-break", "It would start another header.", "https://files.partner.example/exports/a\r\nX: y"),
    _url("line-break-at-the-end", "It would start another header.", "https://files.partner.example/exports/a\n"),
    _url("relative", "It has no host.", "/exports/a.pdf"),
    _url("no-path", "It has no path.", "https://files.partner.example"),
    _url("other-scheme", "Neither http nor https.", "file:///exports/a.pdf"),
    _url("too-long", "4096 bytes at most.", "https://files.partner.example/exports/" + "a" * 4096),
    _url("signed", "A signature would cover its query.", "http://store.example:9000/acme-documents/a?X-Amz-Date=1",
         "path"),
    _url("bucket-itself", "A store answers it with a list.", "http://store.example:9000/acme-documents/", "path"),
    _url("other-bucket", "It is in another bucket.", "http://store.example:9000/acme-documents-2/a", "path"),
    _url("bucket-not-covered", "The pattern does not cover it.",
         "https://other-7.s3.eu-central-1.amazonaws.com/a.pdf", "tenants"),
    _url("folder-signed-by-the-app", "A store answers it with the list of all objects.",
         "https://blobs.example/documents/?sig=a", "signed", site="shop"),
    case("refused-key-unsigned", "The app signs for this origin: it gives a URL.", "signed", "a.pdf", site="shop"),
    _url("of-a-directory", "A directory has no URLs.", "https://files.partner.example/exports/a.pdf", "media"),
]  # fmt: skip
_OPTIONS = [
    _option("filename-line-break", "It would start another header.", filename="a\r\nSet-Cookie: b=c"),
    _option("filename-control", "A control character.", filename="a\x00b"),
    _option("filename-next-line", "A control character of Unicode.", filename="a\x85b"),
    _option("filename-line-separator", "A line separator of Unicode.", filename="a\u2028b"),
    {**_option(f"filename-{LONE_SURROGATE}", "It is no text.", filename="a\udfffb"), "needs": LONE_SURROGATE},
    _option("type-word", "No media type.", content_type="pdf"),
    _option("type-line-break", "It would start another header.", content_type="text/plain\r\nX: y"),
    _option("type-multipart", "The type of an answer in parts, which this is not.",
            content_type="multipart/byteranges; boundary=x"),
    _option("type-comma", "Two values.", content_type="text/plain, text/html"),
    _option("type-comma-in-parameters", "Browsers use the last type of a list.", content_type="video/mp4;,text/html"),
    _option("type-comma-after-escape", "Parsers disagree about where the quote ends.",
            content_type='video/mp4;a="\\"",text/html;b="'),
    _option("type-single-quote", "Some parsers take it for a quote.", content_type="video/mp4;a='x'"),
    _option("type-blank-at-the-end", "No header carries it.", content_type="text/plain; "),
    _option("cache-control-public", "Shared caches would keep what was checked for one user.",
            cache_control="public, max-age=60"),
    _option("cache-control-quoted", "The word stands inside a quoted text.", cache_control='x="private, no-store"'),
    _option("cache-control-line-break", "It would start another header.", cache_control="private\nX: y"),
    _option("csp-non-ascii", "No header carries it.", content_security_policy="default-src é"),
    _option("etag-blank", "A blank inside.", etag="a b"),
    _option("etag-half-quoted", "A quote inside.", etag='"abc'),
    _option("etag-non-ascii", "No header carries it.", etag="é"),
    _option("subject-line-break", "It would start another header.", subject="42\r\nX-Accel-Redirect: /x"),
    _option("subject-blank-at-the-end", "No header carries it.", subject="42 "),
    _option("size-negative", "No number of bytes.", size=-1),
    _option("size-fraction", "No number of bytes.", size=1.5),
    _option("size-text", "No number of bytes.", size="10"),
    _option("size-true", "No number of bytes.", size=True),
    _option("size-too-large", "18 digits at most.", size=10**18),
    _option("rate-zero", "Not limited is called 'unlimited'.", limit_rate=0),
    _option("rate-after-negative", "No number of bytes.", limit_rate_after=-1),
    _option("class-unknown", "The site has no such class.", site="shop", subject="42", concurrency="vips"),
    _option("class-of-none", "The site has no classes.", subject="42", concurrency="guests"),
    _option("class-for-nobody", "Nobody says for whom it counts.", site="shop", concurrency="guests"),
    _option("header-undeclared", "The site does not declare it.", headers={"X-Other": "1"}),
    _option("header-owned", "An option decides it, so no site can declare it.", headers={"Set-Cookie": "a=b"}),
    _option("header-twice", "In two spellings.", headers={"X-Robots-Tag": "none", "x-robots-tag": "all"}),
    _option("header-empty", "No header carries it.", headers={"X-Robots-Tag": ""}),
    _option("header-line-break", "It would start another header.", headers={"X-Robots-Tag": "a\r\nX: y"}),
    _option("version-of-http", "Only objects of an S3 origin have versions.", version_id="v1"),
    case("refused-version-blank", "No id of a version.", "path", "a.pdf", version_id="a b"),
    case("refused-version-long", "1024 characters at most.", "path", "a.pdf", version_id="v" * 1025),
]  # fmt: skip

REFUSALS = [*_KEYS, *_PLACES, *_URLS, *_OPTIONS]

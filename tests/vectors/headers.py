"""Vectors of what the user sees and of what NGINX counts and records: one option each."""

from __future__ import annotations

from typing import Any

from tests.vectors.case import case

_NAMES = {
    "plain": "Annual report (2026) [final].pdf",
    "of-plain-marks": "!#$&'()+,.;@^_`{}~-.txt",
    "double-quote": 'the "final" one.pdf',
    "backslash-and-slash": "..\\..\\etc/passwd",
    "percent": "100%25.txt",
    "equals": "a=b.txt",
    "asterisk-colon-pipe": "a*b:c|d?e<f>.txt",
    "accents": "Übersicht für José.pdf",
    "decomposed": "U\u0308bersicht.pdf",
    "chinese": "四半期 報告書.pdf",
    "emoji": "\N{FACE WITH TEARS OF JOY}.png",
    "emoji-with-selector": "\N{HEAVY BLACK HEART}\ufe0f.pdf",
    "thai": "สวัส.pdf",
    "japanese-voiced": "ガイド.pdf",
    "ligature": "\ufb01le.pdf",
    "only-marks": "\u0301.\u0308",
    "right-to-left-override": "invoice\u202efdp.exe",
    "blanks-and-dots": "  .hidden name. . ",
    "only-dots": "...",
    "too-long": "a" * 250 + ".tar.gz",
    "too-long-in-bytes": "報" * 100 + ".pdf",
}
_DISPOSITIONS = [
    case(f"filename-{name}", "RFC 6266 and RFC 8187, with a name that every system takes.", "partner", "k",
         filename=filename, as_attachment=True)
    for name, filename in _NAMES.items()
]  # fmt: skip
_OF_KEYS = [
    case("name-inline", "Without as_attachment a browser shows the file.", "partner", "a.pdf", filename="b.pdf"),
    case("name-of-key", "Without a name it is the last segment of the key.", "path", "2026/a b.pdf",
         as_attachment=True),
    case("name-of-key-controls", "A control character of a key becomes '_'.", "path", "a\nb\tc.pdf",
         as_attachment=True),
    case("name-of-folder", "A slash at the end is no part of the name.", "path", "reports/2026/"),
    case("name-of-nothing", "What leaves no name is called 'download'.", "path", "//"),
    case("name-of-url", "The name of a stored URL is decoded.", "partner",
         url="https://files.partner.example/exports/a%20%C3%A9.pdf?x=1"),
]  # fmt: skip


def _one(name: str, why: str, /, **options: Any) -> dict[str, Any]:
    site = options.pop("site", "main")
    return case(name, why, "partner", "a.pdf", site=site, **options)


_SEEN = [
    _one("type", "A media type as it is.", content_type="text/plain; charset=utf-8"),
    _one("type-comma-in-quotes", "A comma in quotes separates no types.",
         content_type='video/mp4; codecs="avc1.42E01E, mp4a.40.2"'),
    _one("type-html", "The policy of a type is NGINX's: it is not said.", content_type="text/html"),
    _one("cache-control-default", "What NGINX takes for granted is not said.", cache_control="private, no-cache"),
    _one("cache-control-private", "Any that keeps shared caches out.", cache_control="max-age=60, Private"),
    _one("cache-control-no-store", "no-store keeps them out too.", cache_control="no-store"),
    _one("cache-control-public", "For everybody, said twice.", cache_control="public, max-age=60",
         allow_shared_cache=True),
    _one("content_security_policy", "The app's own policy.", content_security_policy="default-src 'none'"),
    _one("etag-bare", "An entity tag gets its quotes.", etag="abc-123"),
    _one("etag-quoted", "One that has them stays.", etag='"abc"'),
    _one("etag-weak", "So does the mark of a weak one.", etag='W/"abc"'),
    _one("last-modified", "An HTTP date in GMT and whole seconds.", last_modified="2026-02-03T04:05:06.999999+01:00"),
    _one("both-validators", "Both may be given.", etag="v1", last_modified="2026-02-03T04:05:06Z"),
    _one("extra-headers", "A declared header, in the spelling of the site.",
         headers={"x-robots-tag": "noindex, nofollow", "Content-Language": "de"}),
    _one("size", "For the line.", size=5_497_558_138_880),
    _one("size-zero", "An empty object has a size.", size=0),
    _one("subject", "Whom limits and audit mean.", subject="user:42 a=b"),
    _one("empty-options", "Empty text is the default.", filename="", content_type="", cache_control="", etag="",
         content_security_policy="", subject="", cache_version="", version_id="", headers={}),
]  # fmt: skip
_LIMITED = [
    _one("rate", "Bytes a second.", limit_rate=500_000),
    _one("rate-unlimited", "0 takes the site's limit away.", site="shop", limit_rate="unlimited"),
    _one("rate-after", "A free first part.", limit_rate=1000, limit_rate_after=0),
    _one("concurrency-none", "A site without classes counts nobody.", subject="42", concurrency_key="k"),
    _one("concurrency-unlimited-none", "There, nothing is to be lifted.", concurrency="unlimited"),
    _one("concurrency-default", "The subject is counted in the default class: nothing more is said.", site="shop",
         subject="42"),
    _one("concurrency-class", "A class of the site.", site="shop", subject="42", concurrency="guests"),
    _one("concurrency-unlimited", "Not counted.", site="shop", subject="42", concurrency="unlimited"),
    _one("concurrency-key", "Counted for something else than the subject.", site="shop", subject="42",
         concurrency_key="team 7"),
    _one("concurrency-key-hashed", "A key that no header carries is counted by its SHA-256.", site="shop",
         concurrency_key="équipe 7"),
    _one("concurrency-key-long", "So is one of more than 255 characters.", site="shop", concurrency_key="k" * 256),
    _one("concurrency-subject-long", "Also where it is the subject.", site="shop", subject="s" * 300),
]  # fmt: skip

HEADERS = [*_DISPOSITIONS, *_OF_KEYS, *_SEEN, *_LIMITED]

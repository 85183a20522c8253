"""Spell object keys and stored URLs as NGINX requests them from the origin."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from xaccel.errors import KeyRefused, OriginNotAllowed

MAX_KEY_BYTES = 1024
"""Bytes of UTF-8 in an S3 key (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html)."""

MAX_URL_BYTES = 4096
"""Bytes of a stored URL: it travels in one header, beside the others, through NGINX's buffer of a few kilobytes."""

REDIRECTS = (301, 302, 303, 307, 308)
"""Statuses of a redirect that NGINX follows."""

_UNRESERVED = re.compile(rf"[A-Za-z0-9._~/-]{{1,{MAX_KEY_BYTES}}}")
_DOTS = re.compile(r"(?:\A|[/\\])\.\.?(?:[/\\]|\Z)")
_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+/[!$-~]*", re.IGNORECASE | re.ASCII)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def quote_key(key: str, *, dots: bool, directory: bool = False, prefix: str = "") -> str:
    """Percent-encode `key`, except "/" and the unreserved characters of RFC 3986 section 2.3.

    prefix: what the origin puts before the key, checked with it and not returned. dots: allow "." and ".." as segments,
    where the whole authority belongs to the origin. directory: refuse what would name a directory or leave it.

    Raises KeyRefused for an empty key, NUL, a lone surrogate, more than MAX_KEY_BYTES, and what the flags forbid.
    """
    whole = prefix + key
    plain = key != "" and _UNRESERVED.fullmatch(whole) is not None
    if not plain:
        _require_text(key, whole)
    if not dots and (_DOTS.search(key) or (prefix and _DOTS.search(whole))):
        remedy = "Store the object under a name without them: it could leave its origin."
        raise KeyRefused(f"{whole!r} has '.' or '..' as a segment", where="key", remedy=remedy)
    if directory and (key[0] == "/" or key[-1] == "/" or "//" in key):
        remedy = "Give the path relative to the origin's root, without '//' and without '/' at its ends."
        raise KeyRefused(f"{key!r} is not a path of a file below a directory", where="key", remedy=remedy)
    return key if plain else quote(key, safe="/")


def _require_text(key: str, whole: str) -> None:
    size = len(whole.encode("utf-8", "replace"))
    if not key:
        what, remedy = "the object key is empty", "Give the name of one object."
    elif "\x00" in whole:
        what, remedy = f"{whole!r} has NUL", "No storage accepts such a name: check where it came from."
    elif not whole.isascii() and any("\ud800" <= char <= "\udfff" for char in whole):
        what = f"{whole!r} cannot be encoded as UTF-8"
        remedy = "Decode the name as the storage spells it; do not use surrogateescape."
    elif size > MAX_KEY_BYTES:
        what, remedy = f"the object key has {size} bytes", f"Storages accept at most {MAX_KEY_BYTES}."
    else:
        return
    raise KeyRefused(what, where="key", remedy=remedy)


def quote_prefix(prefix: str) -> str:
    """Percent-encode the prefix of an S3 origin; "" stays ""."""
    return quote(prefix, safe="/", errors="surrogatepass")


def shown(url: str) -> str:
    """Return `url` for a message, without the password of its host and its query, which may be a signature."""
    bare, mark, _ = url.partition("?")
    return re.sub(r"\A([^/]*//)[^/]*@", r"\1…@", bare) + ("?…" if mark else "")


def object_url(url: str) -> str:
    """Return the one URL that names the object of a signed URL, however its path was spelled: without the query.

    Each segment is percent-encoded anew, as `quote_key` does; an encoded "/" stays one.
    """
    scheme, _, rest = url.partition("?")[0].partition("://")
    host, *segments = rest.split("/")
    return f"{scheme}://{'/'.join([host, *(quote(unquote_to_bytes(part), safe='') for part in segments)])}"


def canonical_base(url: str) -> str:
    """Return `url` with lower-case scheme and host and without the scheme's own port."""
    parts = urlsplit(url)
    authority = parts.netloc.lower().removesuffix(_DEFAULT_PORTS.get(parts.scheme, ""))
    return f"{parts.scheme}://{authority}{parts.path or '/'}"


def authority(url: str) -> str:
    """Return scheme, host and port of `url`, without the path."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def below(base: str, url: str) -> str | None:
    """Return `url` with the authority spelled as in `base`, or None if it is not below `base`.

    Path and query stay byte for byte. Segments are compared decoded, one by one: "%66iles" is "files", but an encoded
    "/" separates nothing.

    Raises OriginNotAllowed as `require_absolute` does.
    """
    require_absolute(url)
    try:
        path, canonical = urlsplit(url).path, canonical_base(url)
    except ValueError:  # brackets that hold no IPv6 address
        return None
    if authority(canonical) != authority(base) or not _starts_with(path, urlsplit(base).path):
        return None
    rest = url.partition("://")[2]
    return authority(base) + rest[rest.index("/") :]


def require_absolute(url: str) -> None:
    """Refuse a stored URL that cannot be sent as it is.

    Raises OriginNotAllowed unless it is an absolute http or https URL of printable ASCII, with a path and at most
    MAX_URL_BYTES long. User information, a fragment, a backslash and the segments "." and ".." are refused, also
    encoded several times or with the ";parameter" that some servers cut off.
    """
    if not _URL.fullmatch(url) or "\\" in url or len(url) > MAX_URL_BYTES:
        what = "is not an absolute URL that can be sent as it is"
        remedy = (
            "Store it percent-encoded: scheme, host, path; no user information, no fragment, no more than"
            f" {MAX_URL_BYTES} bytes."
        )
    elif _leaves(url.partition("://")[2].partition("/")[2].partition("?")[0]):
        what, remedy = "has '.' or '..' as a segment", "Store the URL without them."
    else:
        return
    raise OriginNotAllowed(f"{shown(url)!r} {what}", where="url", remedy=remedy)


def _leaves(path: str) -> bool:
    decoded = unquote(path, errors="surrogateescape")
    while decoded != path:
        path, decoded = decoded, unquote(decoded, errors="surrogateescape")
    segments = decoded.replace("\\", "/").split("/")
    return any(segment.partition(";")[0] in (".", "..") for segment in segments)


def segments_of(path: str) -> tuple[str, ...]:
    """Return what lies between the "/" of `path`, each decoded."""
    return tuple(unquote(segment, errors="surrogateescape") for segment in path.split("/"))


def _starts_with(path: str, base_path: str) -> bool:
    segments = segments_of(path)
    *spelled, last = segments_of(base_path)
    whole = tuple(spelled)
    deeper = segments[len(whole) :]
    return segments[: len(whole)] == whole and bool(deeper) and deeper[0].startswith(last)


def key_of_url(base: str, url: str) -> str:
    """Return what follows `base` in the path of `url`, decoded: for names and records, not for asking."""
    path = unquote(urlsplit(url).path, errors="replace")
    return path.removeprefix(unquote(urlsplit(base).path))

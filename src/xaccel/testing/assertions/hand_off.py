"""Assert that a view returns a hand-off, without a server."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from xaccel import urls
from xaccel.handoff.places import base_url
from xaccel.handoff.transfer_id import PATTERN
from xaccel.handoff.visible_headers import visible_headers
from xaccel.site import Site
from xaccel.site.buckets import covers_many
from xaccel.site.origins import LocalOrigin, S3Origin
from xaccel.testing.assertions.received import Received, received

_ID = re.compile(PATTERN)
_OBEYED = ("content-disposition", "cache-control", "expires", "accept-ranges")
_ENTRY = re.compile(r"/_xaccel(?:_[^/]+)?/(?P<origin>[a-z0-9_-]+)(?:/(?P<path>.*))?", re.DOTALL)
_PLAIN_NAME = re.compile(r'filename="((?:[^"\\]|\\.)*)"')
_EXTENDED_NAME = re.compile(r"filename\*=UTF-8''([^;\s]*)")
_SIGNATURE = re.compile(r"[?&]X-(?:Amz|Goog)-[^?]*$|\?(?:[^?]*&)?(?:sig|Signature)=[^?]*$")
"""Of S3, Google's, Azure's and CloudFront's signed URLs: the last two sign with the whole query."""

_SHOWN_BYTES = 200


def assert_hand_off(
    response: Any,
    *,
    origin: str | None = None,
    key: str | None = None,
    url: str | None = None,
    filename: str | None = None,
    as_attachment: bool | None = None,
    content_type: str | None = None,
    cache_control: str | None = None,
    etag: str | None = None,
    subject: str | None = None,
    headers: Mapping[str, str] | None = None,
    site: Site | None = None,
) -> None:
    """Assert that an app's response is a whole hand-off, and has what is given here.

    `response` is Django's, Flask's, Starlette's or httpx's: anything with a status and headers. None is not compared.
    `url` is what NGINX will request, without the signature. With a `site`, the object key is all of that URL after the
    origin's base, and the secret must be one of the site's; without one, the key is compared with the last segments of
    the path. `filename` is the name that a browser saves; `content_type` "" means that the origin says the type;
    `headers` are those that the site declares.

    Raises AssertionError, which names all differences: what was expected, and what was found.
    """
    __tracebackhide__ = True
    answer = received(response)
    entry = _entry(answer)
    shown = visible_headers(answer.headers)
    # Starlette writes all names in lower case
    declared = {name.lower(): value for name, value in shown.items()}
    disposition = shown.get("Content-Disposition", "")
    found: dict[str, tuple[object, object]] = {
        "origin": (origin, entry["origin"]),
        "key": (key, _key(answer, entry, key, site)),
        "url": (url, _SIGNATURE.sub("", answer.value("Xaccel-Url") or "")),
        "filename": (filename, _filename(disposition)),
        "as_attachment": (as_attachment, disposition.partition(";")[0] == "attachment"),
        "content_type": (content_type, shown.get("Content-Type", "")),
        "cache_control": (cache_control, shown["Cache-Control"]),
        "etag": (None if etag is None else etag.strip('"'), shown.get("ETag", "").strip('"')),
        "subject": (subject, answer.value("Xaccel-Subject") or ""),
        **{
            f"headers[{name!r}]": (value, declared.get(name.lower()))
            for name, value in (headers or {}).items()
        },
    }
    problems = [*_faults(answer, site)]
    for name, (wanted, there) in found.items():
        if wanted is not None and wanted != there:
            problems.append(f"{name}: expected {wanted!r}, found {there!r}")
    if problems:
        raise AssertionError("\n  ".join(["the hand-off is not the one expected:", *problems]))


def _entry(answer: Received) -> re.Match[str]:
    redirect = answer.value("X-Accel-Redirect")
    if redirect is None:
        location = answer.value("Location")
        body = answer.body[:_SHOWN_BYTES].decode(errors="replace")
        raise AssertionError(
            f"the answer is no hand-off: it has status {answer.status} and no X-Accel-Redirect"
            + (f"\n  Location: {location}" if location else "")
            + (f"\n  its body begins with: {body!r}" if body else "")
        )
    entry = _ENTRY.fullmatch(redirect)
    if entry is None:
        raise AssertionError(
            f"the answer is no hand-off of xaccel: X-Accel-Redirect is {redirect!r}, which is none of its locations"
        )
    return entry


def _faults(answer: Received, site: Site | None) -> Iterator[str]:
    """Yield what keeps NGINX from sending the file, and the file alone."""
    if answer.status != 200:
        yield f"status: expected 200, found {answer.status}"
    if answer.body:
        yield f"body: expected none, found {answer.body[:_SHOWN_BYTES]!r}"
    secret, transfer_id = answer.value("Xaccel-Auth"), answer.value("Xaccel-Id")
    if not secret:
        yield "Xaccel-Auth: NGINX refuses a hand-off without it"
    elif site is not None and secret not in site.secrets:
        yield "Xaccel-Auth: it is no secret of the site"
    if not transfer_id:
        yield "Xaccel-Id: NGINX refuses a hand-off without it"
    elif not _ID.fullmatch(transfer_id):
        yield f"Xaccel-Id: expected a UUID of version 7 in lower case, found {transfer_id!r}"
    names = Counter(name.lower() for name, _ in answer.headers)
    for name, times in names.items():
        if name in _OBEYED or (name.startswith("x-accel-") and name != "x-accel-redirect"):
            yield f"{name}: NGINX would obey it, or send it too; in Django HandOffMiddleware takes it out"
        elif times > 1 and name.startswith(("xaccel-", "x-accel-")):
            yield f"{name}: it stands {times} times"


def _key(answer: Received, entry: re.Match[str], wanted: str | None, site: Site | None) -> str:
    """Return the object key; `wanted` if the path ends with it and does not tell where the key begins."""
    url = answer.value("Xaccel-Url")
    if url is None:
        return unquote(entry["path"] or "")
    path = unquote(urlsplit(url).path)
    origin = None if site is None else site.origins.get(entry["origin"])
    prefix = origin.prefix if isinstance(origin, S3Origin) else ""
    if (
        origin is None
        or isinstance(origin, LocalOrigin)
        or (isinstance(origin, S3Origin) and covers_many(origin))
    ):
        return wanted if wanted is not None and path.endswith(f"/{prefix}{wanted}") else path
    return urls.key_of_url(base_url(origin), url).removeprefix(prefix)


def _filename(disposition: str) -> str | None:
    extended = _EXTENDED_NAME.search(disposition)
    if extended is not None:
        return unquote(extended[1])
    plain = _PLAIN_NAME.search(disposition)
    return None if plain is None else re.sub(r"\\(.)", r"\1", plain[1])

"""Assert the values of a hand-off, and that a response leaks nothing, without a server."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from http.cookies import BaseCookie
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from wsgiref.headers import Headers

from xaccel import urls
from xaccel.handoff.headers import public_name
from xaccel.handoff.identifiers import PATTERN
from xaccel.handoff.places import base_url
from xaccel.site import Site
from xaccel.site.origins import LocalOrigin, S3Origin, covers_many
from xaccel_testing.as_nginx import filename_of, visible_headers

_ID = re.compile(PATTERN)
_OBEYED = ("content-disposition", "cache-control", "expires", "accept-ranges")
_ENTRY = re.compile(r"/_xaccel(?:_[^/]+)?/(?P<origin>[a-z0-9_-]+)(?:/(?P<path>.*))?", re.DOTALL)
_SIGNATURE = re.compile(r"[?&]X-(?:Amz|Goog)-[^?]*$|\?(?:[^?]*&)?(?:sig|Signature)=[^?]*$")
"""Of S3, Google's, Azure's and CloudFront's signed URLs: the last two sign with the whole query."""

_SHOWN_BYTES = 200
_TO_NGINX = ("x-accel-", "xaccel-")
_SIGNED = ("X-Amz-Signature", "X-Amz-Credential", "AWS4-HMAC-SHA256", "AWSAccessKeyId", "X-Goog-Signature")
"""Words of signed URLs and hand-offs that no user may see."""

_SECRET_PARAMETER = re.compile(r"signature|credential|token|^sig$", re.IGNORECASE)
_AROUND = 30


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
    """Assert that an app's response is a complete hand-off with the given values.

    `response` is Django's, Flask's, Starlette's or httpx's: anything with a status and headers. None means: any value.
    `url` is the URL of NGINX's request, without the signature. With a `site`, the object key is that URL after the
    origin's base, and the secret must be one of the site's. Without a `site`, the key is compared with the last
    segments of the path. `filename` is the name that a browser saves; `content_type` "" leaves the type to the origin;
    `headers` are those that the site declares. For example:

        def test_the_report_is_handed_off(client):
            response = client.get("/reports/2026")
            assert_hand_off(response, origin="documents", key="2026/report.pdf", as_attachment=True)

    Raises AssertionError, which names all differences: what was expected, and what was found.
    """
    __tracebackhide__ = True
    answer = received(response)
    entry = _entry(answer)
    shown = Headers([*visible_headers(answer.headers.items()).items()])
    disposition = shown.get("Content-Disposition", "")
    found: dict[str, tuple[object, object]] = {
        "origin": (origin, entry["origin"]),
        "key": (key, _key(answer, entry, key, site)),
        "url": (url, _SIGNATURE.sub("", answer.headers.get("Xaccel-Url") or "")),
        "filename": (filename, filename_of(disposition)),
        "as_attachment": (as_attachment, disposition.partition(";")[0] == "attachment"),
        "content_type": (content_type, shown.get("Content-Type", "")),
        "cache_control": (cache_control, shown["Cache-Control"]),
        "etag": (None if etag is None else etag.strip('"'), shown.get("ETag", "").strip('"')),
        "subject": (subject, answer.headers.get("Xaccel-Subject") or ""),
        **{f"headers[{name!r}]": (value, shown.get(name)) for name, value in (headers or {}).items()},
    }
    problems = [*_faults(answer, site)]
    for name, (wanted, there) in found.items():
        if wanted is not None and wanted != there:
            problems.append(f"{name}: expected {wanted!r}, found {there!r}")
    if problems:
        raise AssertionError("\n  ".join(["the hand-off is not the one expected:", *problems]))


def _entry(answer: Received) -> re.Match[str]:
    redirect = answer.headers.get("X-Accel-Redirect")
    if redirect is None:
        location = answer.headers.get("Location")
        body = answer.body[:_SHOWN_BYTES].decode(errors="replace")
        raise AssertionError(
            f"the response is not a hand-off: it has status {answer.status} and no X-Accel-Redirect"
            + (f"\n  Location: {location}" if location else "")
            + (f"\n  its body begins with: {body!r}" if body else "")
        )
    entry = _ENTRY.fullmatch(redirect)
    if entry is None:
        raise AssertionError(
            f"the response is not a hand-off of xaccel: X-Accel-Redirect is {redirect!r}, not one of its locations"
        )
    return entry


def _faults(answer: Received, site: Site | None) -> Iterator[str]:
    """Yield the faults because of which NGINX would not send the file, or would send more than the file."""
    if answer.status != 200:
        yield f"status: expected 200, found {answer.status}"
    if answer.body:
        yield f"body: expected none, found {answer.body[:_SHOWN_BYTES]!r}"
    secret, transfer_id = answer.headers.get("Xaccel-Auth"), answer.headers.get("Xaccel-Id")
    if not secret:
        yield "Xaccel-Auth: NGINX refuses a hand-off without it"
    elif site is not None and secret not in site.secrets:
        yield "Xaccel-Auth: it is not a secret of the site"
    if not transfer_id:
        yield "Xaccel-Id: NGINX refuses a hand-off without it"
    elif not _ID.fullmatch(transfer_id):
        yield f"Xaccel-Id: expected a UUID of version 7 in lower case, found {transfer_id!r}"
    names = Counter(name.lower() for name, _ in answer.headers.items())
    for name, times in names.items():
        if name in _OBEYED or (name.startswith("x-accel-") and name != "x-accel-redirect"):
            yield f"{name}: NGINX would obey it, or send it too; in Django HandOffMiddleware takes it out"
        elif times > 1 and name.startswith(("xaccel-", "x-accel-")):
            yield f"{name}: it is set {times} times"


def _key(answer: Received, entry: re.Match[str], wanted: str | None, site: Site | None) -> str:
    """Return the object key; `wanted` if the path ends with it and does not tell where the key begins."""
    url = answer.headers.get("Xaccel-Url")
    if url is None:
        return unquote(entry["path"] or "")
    path = unquote(urlsplit(url).path)
    origin = None if site is None else site.origins.get(entry["origin"])
    prefix = origin.prefix if isinstance(origin, S3Origin) else ""
    if origin is None or isinstance(origin, LocalOrigin) or covers_many(origin):
        return wanted if wanted is not None and path.endswith(f"/{prefix}{wanted}") else path
    return urls.key_of_url(base_url(origin), url).removeprefix(prefix)


def assert_nothing_leaked(response: Any, *secrets: str | bytes) -> None:
    """Assert that the client sees none of `secrets`, and no value that every hand-off hides.

    The client sees the headers, the cookies, the body, and of a hand-off the values that NGINX passes on (name, type,
    validators, declared headers), but not its other private headers. Each secret is also searched percent-encoded and
    as HTML writes it. The URL, host, signature and secret of a hand-off need not be given. In a response that is no
    hand-off, a private header is a leak itself. For example:

        def test_the_bucket_stays_private(client):
            assert_nothing_leaked(client.get("/reports/2026"), "acme-documents")

    Raises AssertionError, which names every place; ValueError for an empty secret, which every response has.
    """
    __tracebackhide__ = True
    answer = received(response)
    handed_off = answer.headers.get("X-Accel-Redirect") is not None
    wanted = [secret.decode("latin-1") if isinstance(secret, bytes) else secret for secret in secrets]
    if not all(wanted):
        raise ValueError("an empty secret is in every response: pass the text that must not be visible")
    hidden = dict.fromkeys([*wanted, *_SIGNED, *_of_hand_off(answer)])
    found = [
        f"the private header {name} is in a response that is not a hand-off: {value!r}"
        for name, value in answer.headers.items()
        if not handed_off and name.lower().startswith("xaccel-")
    ]
    for where, text in _seen(answer, handed_off=handed_off):
        for secret in hidden:
            written = next((form for form in _forms(secret) if form in text), None)
            if written is not None:
                before, _, after = text.partition(written)
                excerpt = before[-_AROUND:] + written + after[:_AROUND]
                found.append(f"{secret!r} is in {where}: {excerpt!r}")
    if found:
        raise AssertionError("\n  ".join(["the client sees what it must not:", *found]))


def _of_hand_off(answer: Received) -> Iterator[str]:
    """Yield the values of a hand-off that only NGINX may see."""
    yield from answer.headers.get_all("Xaccel-Auth")
    for url in answer.headers.get_all("Xaccel-Url"):
        parts = urlsplit(url)
        yield from (url, url.partition("?")[0], parts.netloc)
        yield from (value for name, value in parse_qsl(parts.query) if _SECRET_PARAMETER.search(name))


def _seen(answer: Received, *, handed_off: bool) -> Iterator[tuple[str, str]]:
    for name, value in answer.headers.items():
        shown = public_name(name) if handed_off else None
        if shown is not None:
            yield f"the header {shown} (the hand-off's {name})", value
        elif not name.lower().startswith(_TO_NGINX):
            yield f"the header {name}", value
    yield "the body", answer.body.decode("latin-1")


def _forms(secret: str) -> tuple[str, ...]:
    # the body is compared byte by byte, so its charset does not matter
    plain = (secret, secret.encode().decode("latin-1"))
    return (*plain, quote(secret), quote(secret, safe=""), *(html.escape(form) for form in plain))


class Received(NamedTuple):
    """Status, header lines in their order, and the whole body."""

    status: int
    headers: Headers
    body: bytes


def received(response: Any) -> Received:
    """Read `response`. A body that streams is read to its end; one of Django's can be read again after that.

    Raises TypeError for an object without status or headers, and for a body that only a coroutine can read.
    """
    names = ("status_code", "status_int", "status")
    status = next((found for name in names if isinstance(found := getattr(response, name, None), int)), None)
    if status is None or getattr(response, "headers", None) is None:
        raise TypeError(f"{type(response).__qualname__} is not a response: it has no status or no headers")
    return Received(status, Headers([*_headers(response)]), _body(response))


def _headers(response: Any) -> Iterable[tuple[str, str]]:
    headers = response.headers
    # httpx joins lines of one name in items()
    lines = getattr(headers, "multi_items", getattr(headers, "items", lambda: headers))()
    yield from ((str(name), str(value)) for name, value in lines)
    cookies = getattr(response, "cookies", None)
    if isinstance(cookies, BaseCookie):
        # Django adds them to the headers when the server writes the head
        yield from (("Set-Cookie", cookie.OutputString()) for cookie in cookies.values())


def _body(response: Any) -> bytes:
    if getattr(response, "streaming", False) is True:
        if response.is_async:
            raise TypeError(
                "the body streams through a coroutine: read it, and make an HttpResponse of what you read"
            )
        body = b"".join(response.streaming_content)
        response.streaming_content = [body]
        return body
    if callable(getattr(response, "get_data", None)):
        return bytes(response.get_data())
    for name in ("content", "body"):
        if isinstance(found := getattr(response, name, None), bytes):
            return found
    return bytes(response.read()) if callable(getattr(response, "read", None)) else b""

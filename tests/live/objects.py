"""An object as a real server sends it: ranges, conditions and validators (RFC 9110 chapters 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.servers.origin import Answer, Request

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def serve(
    request: Request, body: bytes, *, etag: str = '"one"', headers: Sequence[tuple[str, str]] = ()
) -> Answer:
    """The answer to one request for an object, perhaps without a tag; of several ranges the whole."""
    shown = [*([("ETag", etag)] if etag else []), ("Accept-Ranges", "bytes"), *headers]
    if request.header("If-Match") not in (None, etag):
        return Answer(status=412)
    match = _RANGE.fullmatch(request.header("Range") or "")
    if match is None or request.header("If-Range") not in (None, etag):
        return Answer(headers=shown, body=body)
    first, last = (int(text) if text else None for text in match.groups())
    if first is None:
        first, last = max(0, len(body) - (last or 0)), None
    if first >= len(body):
        return Answer(status=416, headers=[("Content-Range", f"bytes */{len(body)}")])
    part = body[first : len(body) if last is None else last + 1]
    content_range = ("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(body)}")
    return Answer(status=206, headers=[*shown, content_range], body=part)


def ranges(requests: Sequence[Request]) -> list[str | None]:
    """What of the object was asked for, in the order of the requests."""
    return [request.header("Range") for request in requests]

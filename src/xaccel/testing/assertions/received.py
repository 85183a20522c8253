"""Read a response of Django, Flask, Starlette, httpx, urllib or one of their test clients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import BaseCookie
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """Status, header lines in their order, and the whole body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return the values of all lines of this name, in any case."""
        return [value for found, value in self.headers if found.lower() == name.lower()]

    def value(self, name: str) -> str | None:
        """Return the value of the first line of this name."""
        return next(iter(self.values(name)), None)


def received(response: Any) -> Received:
    """Read `response`. A body that streams is read to its end; one of Django's can be read again after that.

    Raises TypeError for what has no status or no headers, and for a body that only a coroutine can read.
    """
    names = ("status_code", "status_int", "status")
    status = next((found for name in names if isinstance(found := getattr(response, name, None), int)), None)
    for what, there in (
        ("status_code and no status", status),
        ("headers", getattr(response, "headers", None)),
    ):
        if there is None:
            raise TypeError(f"{type(response).__qualname__} is no answer: it has no {what}")
    return Received(int(status or 0), tuple(_headers(response)), _body(response))


def _headers(response: Any) -> Iterable[tuple[str, str]]:
    headers = response.headers
    # httpx joins lines of one name in items()
    lines = getattr(headers, "multi_items", getattr(headers, "items", lambda: headers))()
    yield from ((str(name), str(value)) for name, value in lines)
    cookies = getattr(response, "cookies", None)
    if isinstance(cookies, BaseCookie):
        # Django keeps them apart until the server writes the head
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

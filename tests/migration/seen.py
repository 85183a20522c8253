"""The visible parts of a response, and how two responses differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from browser_download_filename import parse_content_disposition, suggested_filename

from tests.live.client import Reply, ask

STAFF = {"Cookie": "user=staff"}
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of one request. `name` is what Chromium saves the file as; of an error only the status counts."""

    status: int
    body: bytes = b""
    type: str | None = None
    name: str | None = None
    attachment: bool | None = None
    content_range: str | None = None
    length: str | None = None


def see(port: int, target: str, method: str = "GET", headers: Mapping[str, str] = STAFF) -> Seen:
    """Ask as Chromium asks, and look at the answer as it does."""
    reply = ask(port, target, method, {"User-Agent": CHROME, **headers})
    return seen(reply, f"http://127.0.0.1:{port}{target}")


def seen(reply: Reply, url: str) -> Seen:
    if reply.status >= 300:
        return Seen(reply.status)
    value = reply.one("Content-Disposition")
    return Seen(
        status=reply.status,
        body=reply.body,
        type=reply.one("Content-Type"),
        name=suggested_filename(reply.headers, url=url, platform="posix"),
        attachment=parse_content_disposition(value).is_attachment,
        content_range=reply.one("Content-Range"),
        length=reply.one("Content-Length"),
    )


def changes(old: Seen, new: Seen) -> dict[str, tuple[Any, Any]]:
    """What differs: field to (before, after)."""
    names = [name for name in Seen.__slots__ if getattr(old, name) != getattr(new, name)]
    return {name: (getattr(old, name), getattr(new, name)) for name in names}

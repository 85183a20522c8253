"""A client that behaves like a browser and keeps every response.

http.client sends a path as it is given, which a tidier client would not.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlencode

_BLOCK = 256 * 1024
_KEPT = 1024 * 1024
_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response.

    `body` is cut at 1 MB; `size` counts all. `status` is 0 if no complete response came.
    """

    who: str
    method: str
    path: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    size: int
    sha256: str

    def every(self, name: str) -> list[str]:
        """Return the value of each line of that header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def is_file(self) -> bool:
        """True if the body is the bytes of a file, in whole or in part."""
        return self.status in (200, 206) and bool(self.every("Content-Disposition"))

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.status}"


class Browser:
    """One user's session, or an anonymous one. `seen` gets every exchange."""

    def __init__(self, port: int, seen: list[Exchange], who: str = "nobody") -> None:
        self._port = port
        self._seen = seen
        self._cookies: dict[str, str] = {}
        self.who = who

    def sign_in(self, password: str) -> Exchange:
        """Fill in the form and send it. Raises LookupError when there is no form."""
        form = self.get("/login")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
        if token is None:
            raise LookupError(f"no form to sign in: {form}")
        fields = {"csrfmiddlewaretoken": token[1], "username": self.who, "password": password, "next": "/"}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request("POST", "/login", kind, body=urlencode(fields).encode("ascii"))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Exchange:
        """Send GET."""
        return self.request("GET", path, headers)

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, *, body: bytes | None = None
    ) -> Exchange:
        """Send one request, read the whole response and keep both; an incomplete response has status 0."""
        digest, size, kept, status = hashlib.sha256(), 0, b"", 0
        fields: tuple[tuple[str, str], ...] = ()
        with suppress(OSError, HTTPException), self.opened(method, path, headers, body=body) as answer:
            fields = tuple(answer.getheaders())
            while block := answer.read(_BLOCK):
                digest.update(block)
                size += len(block)
                if len(kept) < _KEPT:
                    kept += block
            # a read of some bytes does not tell that the connection ended early
            status = 0 if answer.length else answer.status
        found = Exchange(self.who, method, path, status, fields, kept, size, digest.hexdigest())
        for line in found.every("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name.strip()] = value
        self._seen.append(found)
        return found

    @property
    def headers(self) -> dict[str, str]:
        """The headers of each request: the session's cookies are among them."""
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return {"User-Agent": "demo-check", **({"Cookie": cookie} if cookie else {})}

    @contextmanager
    def opened(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> Iterator[HTTPResponse]:
        """Send a request and yield the response unread; the connection ends with the block."""
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=timeout_s)) as connection:
            connection.request(method, path, body=body, headers={**self.headers, **(headers or {})})
            yield connection.getresponse()

    def links_to_files(self) -> dict[str, str]:
        """Return the name of each file by its download's path, as the pages "my files" and its folders show them."""
        found: dict[str, str] = {}
        paths = ["/"]
        while paths:
            page = self.get(paths.pop()).text
            folders = re.findall(r'class="folder">.*?href="([^"]+)"', page, re.DOTALL)
            next_pages = re.findall(r'rel="next" href="([^"]+)"', page)
            paths += [f"/{html.unescape(link)}" for link in (*folders, *next_pages)]
            for pk in re.findall(r'href="/files/([0-9a-f-]+)/download"', page):
                name = re.search(rf'id="f-{pk}">.*?<bdi>(.*?)</bdi>', page, re.DOTALL)
                found[f"/files/{pk}/download"] = html.unescape(name[1]) if name else ""
        return found

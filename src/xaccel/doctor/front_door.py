"""Requests to the site as a client sends them: no redirect is followed, and no proxy of the environment is used."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from xaccel.doctor.own_directives import Levels
from xaccel.explain.origin_request import connection

TIMEOUT_S = 10.0
MOST_BYTES = 8 * 1024 * 1024
"""Bytes of a body that are read."""

_ANY = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104


@dataclass(frozen=True, slots=True)
class Reply:
    """One response. `headers` are in their order; `body` is cut behind 8 MB."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """Return the values of a header, joined; empty where there is none."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())


@dataclass(frozen=True, slots=True)
class Door:
    """Where the site is. `address` is connected to; it is the host of `url` unless NGINX's configuration named it."""

    url: str
    address: tuple[str, int]

    def ask(self, method: str, target: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Send one request and read the response.

        Raises OSError and http.client.HTTPException.
        """
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        made = connection(kind, parts.hostname or "", [self.address], timeout=TIMEOUT_S)
        try:
            made.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": parts.netloc, "Connection": "close", **(headers or {})}.items():
                made.putheader(name, value)
            made.endheaders()
            response = made.getresponse()
            return Reply(response.status, tuple(response.getheaders()), response.read(MOST_BYTES))
        finally:
            made.close()


def door_at(url: str) -> Door:
    """Return the door of a URL."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Door(f"{parts.scheme}://{parts.netloc}", (parts.hostname or "", port))


def door_of(path: Levels) -> Door | None:
    """Return the door of the `server { }` that a path leads through; None for one that has only sockets."""
    server = path[1] if len(path) > 1 else ()
    names = [word for line in server if line.words[0] == "server_name" for word in line.words[1:]]
    named = next((name for name in names if name[0].isalnum()), "")
    for line in server:
        if line.words[0] != "listen" or line.words[1].startswith("unix:") or "quic" in line.words:
            continue
        host, _, port = line.words[1].rpartition(":")
        if not port.isdigit():
            host, port = line.words[1], "80"
        host = _ANY.get(host, host.strip("[]"))
        shown = named or (f"[{host}]" if ":" in host else host)
        scheme, default = ("https", "443") if "ssl" in line.words else ("http", "80")
        return Door(f"{scheme}://{shown}{'' if port == default else f':{port}'}", (host, int(port)))
    return None

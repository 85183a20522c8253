"""A client that sends a file in parts, and what the app and the storage have of it."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from tests.live.client import Reply, ask
from tests.live.uploads.scene import Browser, crc32_of

PART = 5 << 20
BODY = os.urandom(2 * PART + 12_345)
OFFSETS = (0, PART, 2 * PART)
TYPE = "application/partial-upload"


@dataclass
class Client:
    """A client that sends BODY in parts, or another file of a size. at: the address of the upload."""

    browser: Browser
    user: str = "alice"
    at: str = ""
    size: int = len(BODY)

    def ask(self, method: str, path: str = "", body: bytes | None = None, **headers: str) -> Reply:
        sent = {**self.browser.headers, "X-User": self.user, **headers}
        return ask(self.browser.site.nginx.port, path or self.at, method, sent, body)

    def begin(self, size: int | None = None, path: str = "/files/a", **headers: str) -> Reply:
        told = {
            "Upload-Complete": "?0",
            "Upload-Length": str(size or self.size),
            "Content-Type": "image/png",
            **headers,
        }
        reply = self.ask("POST", path, **told)
        self.at = reply.one("Location") or ""
        return reply

    def append(self, offset: int, body: bytes | None = None, **headers: str) -> Reply:
        part = BODY[offset : offset + PART] if body is None else body
        return self.ask("PATCH", body=part, **{**self.head(offset, part), **headers})

    def head(self, offset: int, part: bytes) -> dict[str, str]:
        return {
            "Content-Type": TYPE,
            "Upload-Offset": str(offset),
            "Upload-Complete": f"?{int(offset + len(part) == self.size)}",
            "x-amz-checksum-crc32": crc32_of(part),
        }

    def how_far(self) -> tuple[str | None, str | None]:
        reply = self.ask("HEAD")
        assert (reply.status, reply.one("Cache-Control")) == (204, "no-store")
        assert reply.one("Upload-Length") == str(self.size)
        return reply.one("Upload-Offset"), reply.one("Upload-Complete")


def row(client: Client) -> tuple[str, int]:
    """The key of the upload, and how many parts the app has accepted, stored or not."""
    id_ = client.at.rpartition("=")[2]
    with closing(sqlite3.connect(client.browser.site.folder / "trail.sqlite3", timeout=60)) as database:
        query = "select key, requests from xaccel_upload where id = ?"
        [(key, requests)] = database.execute(query, [id_.replace("-", "")])
    return key, requests


def is_unfinished(client: Client) -> bool:
    """Whether the storage still has parts of the upload."""
    site = client.browser.site
    found = site.s3.client().list_multipart_uploads(Bucket=site.bucket).get("Uploads", [])
    return row(client)[0] in {one["Key"] for one in found}


@contextmanager
def hold(client: Client, offset: int, sent: bytes, part: bytes | None = None) -> Iterator[socket.socket]:
    """Send the head of a part and some of its bytes, and keep the connection."""
    whole = BODY[offset : offset + PART] if part is None else part
    headers = {**client.browser.headers, "X-User": client.user, "Content-Length": str(len(whole))}
    lines = [f"{name}: {value}" for name, value in {**headers, **client.head(offset, whole)}.items()]
    head = "\r\n".join(
        [f"PATCH {client.at} HTTP/1.1", "Host: 127.0.0.1", *lines, "Connection: close", "", ""]
    )
    port = client.browser.site.nginx.port
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
        connection.sendall(head.encode() + sent)
        yield connection


def status_of(connection: socket.socket) -> int:
    return int(connection.makefile("rb").readline().split()[1])

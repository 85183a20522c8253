"""The client's side: ask NGINX for one object, read it to nowhere, and tell what came of it."""

from __future__ import annotations

import http.client
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xaccel import urls
from xaccel.errors import CacheError, OptionRefused, XaccelError
from xaccel.explain.transfer_log import entry_of
from xaccel.nginx.warm_server import NGINX_SOCKET
from xaccel.options import Options
from xaccel.sender import Sender
from xaccel.warm.app import App

SUBJECT = "warm"
"""Of the lines: no user took part."""

_SILENCE_S = 120
"""Longer than NGINX itself waits for an origin, or for another request that fills the same entry."""
_TOO_LARGE = "it is larger than the whole cache (max_size), so it is not kept"
_LINE_S = 2.0
"""NGINX writes the line after the client has its last byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An object to be kept, named as the view names it.

    bucket: of an origin that covers many. url: a stored URL instead of key. identity, version_id: at least one of them.
    size: in bytes; None: not known.
    """

    origin: str
    key: str = ""
    bucket: str | None = None
    url: str | None = None
    identity: str | None = None
    version_id: str | None = None
    size: int | None = None

    @property
    def name(self) -> str:
        """What a person calls it."""
        if self.url is not None:
            return urls.shown(self.url)
        return f"{self.bucket}/{self.key}" if self.bucket else self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it.

    failure: why it is not in the cache; empty where it is. cache: MISS where it was fetched, HIT where it was there
    already; empty where the line was not found.
    """

    wanted: Wanted
    failure: str = ""
    cache: str = ""
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """Fills the cache of one site. Thread-safe.

    directory: that of the sockets. log: the file of the JSON lines.
    """

    sender: Sender
    app: App
    directory: Path
    log: Path

    def fill(self, wanted: Wanted) -> Outcome:
        """Fetch one object through NGINX. No limit of the site is meant for it."""
        started = time.monotonic()
        try:
            hand_off = self.sender.hand_off(
                wanted.origin,
                wanted.key,
                bucket=wanted.bucket,
                url=wanted.url,
                options=Options(
                    filename="warm",
                    identity=wanted.identity,
                    version_id=wanted.version_id,
                    size=wanted.size,
                    subject=SUBJECT,
                    limit_rate="unlimited",
                    concurrency="unlimited",
                ),
            )
            if "Xaccel-Cache-Key" not in dict(hand_off.headers):
                raise OptionRefused(
                    f"nothing of {wanted.origin!r} is cached",
                    where="origin",
                    remedy="Set `cache` in the options of the origin, and CACHE for the site.",
                )
            if self._is_too_large(wanted.size or 0):
                raise OptionRefused(_TOO_LARGE, where="size", remedy="Give CACHE a larger max_size.")
        except XaccelError as error:
            return Outcome(wanted=wanted, failure=str(error))
        path, end_of_log = self.app.offer(hand_off), self._size_of_log()
        try:
            status, received, cut = self._read(path)
        except (OSError, http.client.HTTPException) as error:
            status, received, cut = 0, 0, f"NGINX's answer ended early ({error or type(error).__name__})"
        if self.app.take(path) is not None:
            return Outcome(
                wanted=wanted,
                failure=cut
                or f"NGINX did not ask for the hand-off ({status}): may its workers enter {self.directory}?",
            )
        seconds = time.monotonic() - started
        line = self._line(hand_off.transfer_id, end_of_log) or {}
        return Outcome(
            wanted=wanted,
            failure=_failure(status, cut, line) or self._not_kept(wanted, line),
            cache=line.get("cache", ""),
            bytes=received,
            seconds=seconds,
        )

    def _read(self, path: str) -> tuple[int, int, str]:
        """Return status, bytes, and why the body is not whole."""
        connection = _Connection(self.directory / NGINX_SOCKET)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            announced, received, block = response.length, 0, bytearray(1 << 18)
            while count := response.readinto(block):
                received += count
            return response.status, received, "" if announced in (None, received) else "the body was cut"
        finally:
            connection.close()

    def _is_too_large(self, size: int) -> bool:
        cache = self.sender.site.cache
        return cache is not None and size > cache.max_bytes

    def _not_kept(self, wanted: Wanted, line: dict[str, Any]) -> str:
        """Return why what was sent as a whole is not kept."""
        if line.get("cache") == "HIT" or line.get("origin_status") != "200":
            return ""
        if line["framing"] == "chunked" and wanted.size is None:
            return "the origin tells no length, so give the size, in the view too"
        return _TOO_LARGE if self._is_too_large(int(line["sent_length"] or wanted.size or 0)) else ""

    def _size_of_log(self) -> int:
        try:
            return self.log.stat().st_size
        except OSError:
            return 0

    def _line(self, transfer_id: str, start: int) -> dict[str, Any] | None:
        deadline = time.monotonic() + _LINE_S
        while True:
            try:
                line = entry_of(transfer_id, self.log, start=start if start <= self._size_of_log() else 0)
            except OSError:
                return None
            if line is not None or time.monotonic() > deadline:
                return line
            time.sleep(0.02)


def _failure(status: int, cut: str, line: dict[str, Any]) -> str:
    why = line.get("why", "")
    if status not in (0, 200):
        return f"{why or 'NGINX answered'} ({status})"
    if why or cut:
        return str(why or cut)
    if line and not line.get("cache"):
        return "NGINX has no cache for it: print its text again and reload"
    return "the origin marks no end of the object" if line.get("framing") == "unframed" else ""


def require_nginx(directory: Path) -> None:
    """Raise CacheError where no NGINX listens in `directory`."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(directory / NGINX_SOCKET))
    except OSError as error:
        raise CacheError(
            f"no NGINX listens at {NGINX_SOCKET} ({error.strerror})",
            where=str(directory),
            remedy="Write the configuration again, with its warm.conf, and reload NGINX; run the command as root.",
        ) from error


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("xaccel", timeout=_SILENCE_S)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_SILENCE_S)
        self.sock.connect(self._path)

"""The key with which an operator traces one download, and the app's report about it.

The key is in a request header. The report is encrypted, in a cookie: NGINX sends the app's cookies with the file. Both
are made with the site's secret.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE, S_ISDIR, S_ISREG
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from xaccel.errors import XaccelError
from xaccel.events import logger
from xaccel.handoff.builder import HandOff
from xaccel.site import Site
from xaccel.site.keys import is_trace_signed, report_key, trace_signature
from xaccel.site.protocol import AUTH_HEADER, TRACE_COOKIE, TRACED_HEADER

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

LIFE_S = 60
_NOT_SEALED = "cryptography-is-missing"
_INSTALL = (
    "Run `pip install cryptography`, or install xaccel with its extra `trace`, for the command and the app."
)
ONE_MACHINE = "in the app's temporary folder; an app with another one accepts the key once more"

_KEY = re.compile(r"1\.([0-9]{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})")
_NONCE = re.compile(r"[0-9a-f]{32}")
Spend = Callable[[str, float], str | None]


class Traced(NamedTuple):
    """A request with a key. path: decoded. query: as it came."""

    key: str
    method: str
    path: bytes
    query: bytes


def make_key(secret: str, method: str, url: str) -> str:
    """Return a key for one request: for this method, and the path and query of this URL."""
    parts, expires, nonce = urlsplit(url), str(int(time.time()) + LIFE_S), secrets.token_hex(16)
    path, query = unquote_to_bytes(parts.path or "/"), parts.query.encode()
    return f"1.{expires}.{nonce}.{trace_signature(secret, expires, nonce, (method, path, query))}"


def spend_on_machine(nonce: str, now: float) -> str | None:
    """Remember a key for all processes of this user and machine. Returns who remembers it; None for a used key."""
    try:
        folder = _own_folder()
        _delete_old(folder, now - 2 * LIFE_S)
        (folder / nonce).touch(exist_ok=False)
    except FileExistsError:
        return None
    except OSError as error:
        logger.warning("a trace was refused: its key cannot be remembered (%s). Set TMPDIR.", error)
        return None
    return ONE_MACHINE


def _delete_old(folder: Path, until: float) -> None:
    """Delete keys that are no longer valid. One that stays is not valid either."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if _NONCE.fullmatch(entry.name):
                with suppress(OSError):  # another process deleted it
                    status = entry.stat(follow_symlinks=False)
                    if S_ISREG(status.st_mode) and status.st_mtime < until:
                        Path(entry).unlink()


def _own_folder() -> Path:
    """Return the folder of used keys. Raises OSError if another user can delete what is in it."""
    folder = Path(gettempdir(), f"xaccel-trace-{os.geteuid()}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(f"{folder} is not a folder of this user")
    if found.st_mode & 0o022:
        raise PermissionError(f"other users can write to {folder} (mode {S_IMODE(found.st_mode):o})")
    return folder


def trace_headers(
    site: Site,
    traced: Traced,
    hand_off: HandOff,
    own_status: int | None,
    spend: Spend,
    *,
    grant: str,
) -> list[tuple[str, str]]:
    """Return the header with the report for a valid key, and the one that NGINX reads; nothing for any other key.

    own_status: 304 or 412 if the app responded to the client's conditions itself. grant: what NGINX remembers of it.
    """
    match, now = _KEY.fullmatch(traced.key), time.time()
    if match is None or not now <= int(match[1]) <= now + LIFE_S:
        return []
    request = traced.method, traced.path, traced.query
    is_signed = is_trace_signed(site, match[1], match[2], request, match[3])
    used = spend(match[2], now) if is_signed else None
    if used is None:
        return []
    headers = [(name, "***" if name == AUTH_HEADER else value) for name, value in hand_off.headers]
    report = {
        "origin": hand_off.event.origin,
        "transfer_id": hand_off.event.transfer_id,
        "single_use": used,
        "grant": grant,
        "status": own_status or hand_off.status,
        "headers": headers,
    }
    try:
        sealed = seal(site.secrets[0], report)
    except XaccelError:
        sealed = _NOT_SEALED
    # The cookie has expired, so that no browser keeps it.
    told = [("Set-Cookie", f"{TRACE_COOKIE}={sealed}; Max-Age=0; HttpOnly; Secure; SameSite=Strict")]
    return told if own_status else [*told, (TRACED_HEADER, "1")]


def report_of(site: Site, cookies: Iterable[str]) -> dict[str, Any] | None:
    """Return the app's report from the Set-Cookie lines of a response; None if there is none.

    Raises XaccelError if cryptography is missing, here or in the app.
    """
    texts = [
        line[len(TRACE_COOKIE) + 1 :].partition(";")[0]
        for line in cookies
        if line.startswith(f"{TRACE_COOKIE}=")
    ]
    if _NOT_SEALED in texts:
        raise XaccelError("cryptography is not installed in the app", where="trace", remedy=_INSTALL)
    return next(filter(None, (unseal(secret, text) for text in texts for secret in site.secrets)), None)


def seal(secret: str, value: dict[str, Any]) -> str:
    """Encrypt a value for those who have the secret: https://github.com/fernet/spec. Raises XaccelError."""
    return _fernet(secret).encrypt(zlib.compress(json.dumps(value).encode())).decode()


def unseal(secret: str, text: str) -> dict[str, Any] | None:
    """Return the value; None for another secret, or a text that was changed. Raises XaccelError."""
    fernet = _fernet(secret)
    from cryptography.fernet import InvalidToken

    try:
        value: dict[str, Any] = json.loads(zlib.decompress(fernet.decrypt(text.encode())))
    except InvalidToken:
        return None
    return value


def _fernet(secret: str) -> Fernet:
    try:
        # Only a traced request needs it, and it takes as long to import as the rest of the app's download.
        from cryptography.fernet import Fernet
    except ImportError as error:
        raise XaccelError("cryptography is not installed", where="trace", remedy=_INSTALL) from error
    return Fernet(report_key(secret))

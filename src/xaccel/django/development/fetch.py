"""Requests of Django to an origin in development, where no NGINX fetches the file."""

from __future__ import annotations

import errno
import http.client
import os
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import formatdate
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request

from xaccel.events import logger
from xaccel.explain.origin_request import opener
from xaccel.handoff.builder import HandOff
from xaccel.site.origins import LocalOrigin, Origin, S3Origin

TIMEOUT_S = 30.0
"""How long an origin may be silent; NGINX waits as long (nginx/fetch.py)."""

_PASSED_ON = "Content-Type Content-Length Content-Encoding Content-Language ETag Last-Modified".split()
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an origin answered. The caller closes `body`."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: IO[bytes] | None = None


def fetch(hand_off: HandOff, origin: Origin, conditions: Mapping[str, str]) -> Fetched:
    """Ask `origin` for what `hand_off` names. `conditions` are the client's, where the origin's validators stand.

    Never raises for what an origin does: its failures are statuses, 504 for silence and 502 for the rest. Redirects are
    followed where the origin's `redirect_hosts` allow it. The status is the origin's own otherwise.
    """
    if isinstance(origin, LocalOrigin):
        return _open(origin.root, hand_off.target)
    method = dict(hand_off.headers).get("Xaccel-Method", "GET")
    request = Request(hand_off.target, headers={**conditions, **hand_off.request_headers}, method=method)  # noqa: S310
    try:
        answer = opener(origin, hand_off.target, conditions).open(request, timeout=TIMEOUT_S)
        assert answer is not None, "no handler for http or https"
    except HTTPError as error:
        with error:
            _say(hand_off, f"status {error.code}")
            if error.code == 403 and isinstance(origin, S3Origin) and origin.treat_403_as_404:
                return Fetched(404)
            return Fetched(error.code, _passed_on(error.headers) if error.code == 304 else {})
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        # Messages of other errors may hold the URL, and with it the signature.
        message = f": {reason}" if isinstance(reason, ssl.SSLCertVerificationError) else ""
        _say(hand_off, f"{type(reason).__name__}{message}")
        return Fetched(504 if isinstance(reason, TimeoutError) else 502)
    return Fetched(200, _passed_on(answer.headers), answer)


def _say(hand_off: HandOff, why: str) -> None:
    logger.info("the origin %s answered transfer %s with: %s", hand_off.origin, hand_off.transfer_id, why)


def _open(root: str, path: str) -> Fetched:
    """Open a file whose place, with all links resolved, is below `root`."""
    place = Path(os.path.realpath(path))
    if not place.is_relative_to(os.path.realpath(root)):
        return Fetched(404)
    try:
        # Without O_NONBLOCK a FIFO would wait for its writer.
        body = os.fdopen(os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb")
    except OSError as error:
        return Fetched(404 if error.errno in _MISSING else 502)
    state = os.fstat(body.fileno())
    if not stat.S_ISREG(state.st_mode):
        body.close()
        return Fetched(404)
    modified = formatdate(int(state.st_mtime), usegmt=True)
    return Fetched(200, {"Content-Length": str(state.st_size), "Last-Modified": modified}, body)


def _passed_on(headers: Message) -> dict[str, str]:
    found = {name: headers[name] for name in _PASSED_ON if headers.get(name) is not None}
    return {name: value for name, value in found.items() if "\n" not in value and "\r" not in value}

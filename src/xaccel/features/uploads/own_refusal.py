"""Send a view's own refusal of an upload through NGINX, which reads the headers of the response and no body."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from xaccel.handoff.headers import Answer
from xaccel.site.site import Site

STATUSES = frozenset({400, 401, 403, 404, 405, 409, 410, 411, 413, 415, 422, 429, 503, 507})
"""Each has its `return` in engine/uploads/refused.conf."""
_MAX_READ_SIZE = 8192
_MAX_JSON_SIZE = 2000
_MAX_MESSAGE_SIZE = 500
"""Bytes. All headers together must fit into the 4096 bytes that NGINX reads them into (proxy_buffer_size)."""
_WORDS = ("detail", "message", "error", "title")
"""Members of a JSON object that have a sentence for the user."""


def refuse_as_the_view(
    site: Site, status: int, headers: Sequence[tuple[str, str]], body: bytes
) -> Answer | None:
    """Return the response to NGINX with the status and the words of a view that refuses an upload.

    JSON passes as it is. So does plain text, also if the framework calls it HTML, as one line. Instead of any other
    page, the client gets a sentence of NGINX.

    None if the response is no refusal, or is one of `receive_file`, or a failure of the app.
    """
    named = {name.lower(): value for name, value in headers}
    if not 400 <= status <= 599 or "xaccel-auth" in named or (status >= 500 and status not in STATUSES):
        return None
    kind = named.get("content-type", "").partition(";")[0].strip().lower()
    said = [("Xaccel-Auth", site.secrets[0]), ("Xaccel-Status", str(status if status in STATUSES else 400))]
    message = ""
    body = body[:_MAX_READ_SIZE]
    if kind in ("application/json", "application/problem+json"):
        value = _json(body)
        message = _sentence(value)
        text = json.dumps(value)
        if value is not None and len(text) <= _MAX_JSON_SIZE and not _is_phrase(message, status):
            said += [("Xaccel-Body", text), ("Xaccel-Body-Type", kind)]
    elif kind == "text/plain" or (kind == "text/html" and b"<" not in body):
        message = body.decode("utf-8", "replace")
    if (line := _line(message)) and not _is_phrase(line, status):
        said.append(("Xaccel-Message", line.encode().decode("latin-1")))
    # auth_request passes the challenge of a 401
    kept = ("retry-after", "www-authenticate") if status == HTTPStatus.UNAUTHORIZED else ("retry-after",)
    said += [(name, named[name]) for name in kept if name in named]
    return Answer(status, (*said, ("Content-Length", "0")))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _sentence(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    return next((value[name] for name in _WORDS if isinstance(value.get(name), str)), "")


def _line(text: str) -> str:
    """Return a text as NGINX puts it into JSON: one line, without control characters, quotes and backslashes."""
    line = " ".join(text.split()).replace('"', "'").replace("\\", "/")
    shown = "".join(each for each in line if each.isprintable())
    return shown.encode("utf-8", "replace")[:_MAX_MESSAGE_SIZE].decode("utf-8", "ignore")


def _is_phrase(text: str, status: int) -> bool:
    """Tell whether a framework wrote the name of the status: NGINX's sentence says more."""
    try:
        return text.strip(" .").lower() == HTTPStatus(status).phrase.lower()
    except ValueError:
        return False

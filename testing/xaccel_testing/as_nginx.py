"""The response that a user gets for a hand-off: visible headers, the name of the file, pages of failures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple
from urllib.parse import unquote

from xaccel.handoff.headers import DEFAULT_CACHE_CONTROL, public_name
from xaccel.tools.nginx.engine_files import text as text_of


def visible_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what NGINX makes of a hand-off's headers on a 200, as far as the app decides it.

    Content-Security-Policy is missing where the hand-off has none: it then follows the type, which may be the origin's.
    """
    shown = {name: value for private, value in headers if (name := public_name(private)) is not None}
    return {"Cache-Control": DEFAULT_CACHE_CONTROL, "X-Content-Type-Options": "nosniff", **shown}


def filename_of(disposition: str) -> str | None:
    """Return the name that a browser saves, from a Content-Disposition; None if there is none."""
    if extended := re.search(r"filename\*=UTF-8''([^;\s]*)", disposition):
        return unquote(extended[1])
    plain = re.search(r'filename="((?:[^"\\]|\\.)*)"', disposition)
    return re.sub(r"\\(.)", r"\1", plain[1]) if plain else None


class Page(NamedTuple):
    """One status that users see instead of a file.

    origin: statuses of an origin, or of NGINX if the origin fails. text: the page, with `\\n` as NGINX spells it.
    retry_after_s: the header Retry-After.
    """

    status: int
    origin: tuple[int, ...]
    text: str
    retry_after_s: int | None


@cache
def pages() -> tuple[Page, ...]:
    """Return the page of each status that users see; the last one, 502, is also for every other status of an origin.

    Every other one is from 300 to 599, except 304. NGINX lets no error_page name 499 or 600 and more: with njs such a
    response is cut, without it passes with a sandbox (tests/live/response/test_errors.py).
    """
    texts = _rows_of("xaccel_page_text")
    waits = _rows_of("xaccel_retry_after")
    origins = {404: (404, 410), 412: (412,), 416: (416,), 429: (), 503: (429, 503), 504: (504,), 502: ()}

    found = []
    for status, origin in origins.items():
        text, wait = texts.get(str(status), texts["default"]), waits.get(str(status))
        found.append(Page(status, origin, text, int(wait) if wait else None))
    return tuple(found)


def _rows_of(variable: str) -> dict[str, str]:
    """Return the rows of a map of the engine, by status or "default"."""
    rows = text_of("maps/7-pages").partition(f"${variable} {{")[2].partition("\n}")[0]
    return dict(re.findall(r'^ *(\d+|default) "?(.*?)"?;$', rows, re.MULTILINE))

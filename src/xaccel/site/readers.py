"""Read the settings that users write in another form than a `Site` has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from xaccel.options import UNLIMITED
from xaccel.site import header_rules
from xaccel.site.setting import Wrong

PLACEHOLDER = "replace-these-words-with-32-or-more-random-characters"
"""The secret of the documentation and the examples. Everybody who knows it could forge a hand-off."""
MERGE: Literal["merge"] = "merge"
DEFAULT_CLASS = "default"
"""The class of concurrency that counts a transfer which names none."""
ERROR_STATUSES = ("404", "412", "416", "429", "502", "503", "504")
"""The statuses that a download can end with, as keys of ERROR_PAGES (in a file keys are text)."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{32,128}")
MAKE_ONE = "Make one with: xaccel secret."
_PAGE = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
_CLASS = re.compile(r"[a-z][a-z0-9_]{0,19}")
_MOST_AT_ONCE = 65535
"""NGINX counts in 16 bits (ngx_http_limit_conn_module.c)."""

_A_LIST = "Write a list."
_A_NAME = (
    "Names are letters, digits and '-'; those that an option or NGINX decides are taken (Cache-Control,"
    " Content-Disposition, ETag, Set-Cookie …)."
)
_A_PAIR = (
    'Write pairs such as ["Strict-Transport-Security", "max-age=31536000"]: printable ASCII without "$". Leave out'
    " X-Content-Type-Options and other headers that each download has already."
)
_A_FILE = (
    f"Give the whole path (letters, digits, '.', '_', '-') of a file for any of: {', '.join(ERROR_STATUSES)}."
)
_A_NUMBER = (
    f"Give a whole number from 1 to {_MOST_AT_ONCE}, or one for each class:"
    f' {{"{DEFAULT_CLASS}": 8, "guests": 2}}.'
)


def secrets(value: Any) -> tuple[tuple[str, ...], list[Wrong]]:
    """Read one secret, or a list of two."""
    given = tuple(value) if isinstance(value, tuple | list) else (value,)
    wrong = []
    if not 1 <= len(given) <= 2 or given == (None,):
        remedy = f"{MAKE_ONE} While rotating, give a list of two, the new one first."
        wrong = [("the site has no secret, or more than two", remedy)]
    elif not all(isinstance(secret, str) and _SECRET.fullmatch(secret) for secret in given):
        remedy = "Use 32 to 128 letters, digits, '-' and '_'."
        wrong = [("a secret is too short or holds other characters", remedy)]
    elif PLACEHOLDER in given:
        wrong = [("the secret is the one of the documentation, which everybody knows", MAKE_ONE)]
    return given, wrong


def response_headers(value: Any) -> tuple[tuple[str, ...], list[Wrong]]:
    """Read names of headers, each once."""
    if not isinstance(value, tuple | list):
        return (), [(f"{value!r} is not a list", _A_LIST)]
    lower = [str(name).lower() for name in value]
    wrong = [(f"{name!r} cannot be declared", _A_NAME) for name in value if not header_rules.declarable(name)]
    twice = sorted({name for name in lower if lower.count(name) > 1})
    return tuple(value), wrong + [(f"{name!r} is listed twice", "Remove one.") for name in twice]


def add_headers(value: Any) -> tuple[tuple[tuple[str, str], ...] | Literal["merge"], list[Wrong]]:
    """Read pairs of name and value, or "merge"."""
    if value == MERGE:
        return MERGE, []
    if not isinstance(value, tuple | list):
        return (), [(f"{value!r} is not a list", _A_LIST)]
    wrong = [(f"{one!r} {what}", _A_PAIR) for item in value for one, what in _wrong_pair(item)]
    return tuple(map(tuple, value)) if all(isinstance(item, tuple | list) for item in value) else (), wrong


def _wrong_pair(item: Any) -> list[tuple[Any, str]]:
    if not isinstance(item, tuple | list) or len(item) != 2:
        return [(item, "is not a pair of name and value")]
    name, value = item
    if not header_rules.header_name_ok(name):
        return [(name, "is not the name of a header")]
    if not header_rules.declarable(name):
        return [(name, "is a header that xaccel or NGINX sends by itself")]
    right = header_rules.header_value_ok(value) and "$" not in value
    return [] if right else [(value, "is not a value that NGINX's `add_header` takes as it is")]


def error_pages(value: Any) -> tuple[dict[int, str], list[Wrong]]:
    """Read files by status."""
    pages: dict[int, str] = {}
    wrong = []
    for status, path in value.items() if isinstance(value, Mapping) else [("", value)]:
        if str(status) in ERROR_STATUSES and isinstance(path, str) and _PAGE.fullmatch(path):
            pages[int(status)] = path
        else:
            wrong.append((f"{status!r}: {path!r} is not an error page", _A_FILE))
    return pages, wrong


def concurrency(value: Any) -> tuple[dict[str, int], list[Wrong]]:
    """Read a number for each class, or one for the class "default"."""
    classes = dict(value) if isinstance(value, Mapping) else {DEFAULT_CLASS: value}
    wrong = []
    for name, number in classes.items():
        if not isinstance(name, str) or not _CLASS.fullmatch(name) or name == UNLIMITED:
            remedy = f"Use lower case letters, digits and '_', 20 at most, and not {UNLIMITED!r}."
            wrong.append((f"{name!r} is not the name of a class", remedy))
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= _MOST_AT_ONCE:
            wrong.append((f"{number!r} is not a number of transfers", _A_NUMBER))
    return classes, wrong

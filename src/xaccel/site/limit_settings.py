"""Which limits a site has for its transfers, read from its mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypedDict

from xaccel.errors import ConfigError
from xaccel.options import UNLIMITED
from xaccel.site import DEFAULT_CLASS

_CLASS = re.compile(r"[a-z][a-z0-9_]{0,19}")
_MOST_AT_ONCE = 65535
"""NGINX counts in 16 bits (ngx_http_limit_conn_module.c)."""


class Limits(TypedDict):
    """The fields of a Site that this file reads."""

    concurrency: dict[str, int]
    limit_rate: int | None
    limit_rate_after: int


def read(values: Mapping[str, Any], where: str, found: list[ConfigError]) -> Limits:
    """Read CONCURRENCY, LIMIT_RATE and LIMIT_RATE_AFTER; problems are put into `found`."""
    rate = _bytes(values, "LIMIT_RATE", 1, where, found)
    return {
        "concurrency": _concurrency(values.get("CONCURRENCY"), f'{where}["CONCURRENCY"]', found),
        "limit_rate": rate,
        "limit_rate_after": _bytes(values, "LIMIT_RATE_AFTER", 0, where, found) or 0,
    }


def _concurrency(given: object, path: str, found: list[ConfigError]) -> dict[str, int]:
    if given is None:
        return {}
    classes = given if isinstance(given, Mapping) else {DEFAULT_CLASS: given}
    for name, number in classes.items():
        if not isinstance(name, str) or not _CLASS.fullmatch(name) or name == UNLIMITED:
            found.append(
                ConfigError(
                    f"{name!r} is not the name of a class",
                    where=path,
                    remedy=f"Use lower case letters, digits and '_', 20 at most, and not {UNLIMITED!r}.",
                )
            )
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= _MOST_AT_ONCE:
            found.append(
                ConfigError(
                    f"{number!r} is not a number of transfers",
                    where=path,
                    remedy=f"Give a whole number from 1 to {_MOST_AT_ONCE}, or one for each class:"
                    f' {{"{DEFAULT_CLASS}": 8, "guests": 2}}.',
                )
            )
    return dict(classes)


def _bytes(
    values: Mapping[str, Any], key: str, least: int, where: str, found: list[ConfigError]
) -> int | None:
    value = values.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 10**18:
        found.append(
            ConfigError(
                f"{value!r} is not a number of bytes",
                where=f'{where}["{key}"]',
                remedy=f"Give a whole number, {least} or more, or leave it out.",
            )
        )
        return None
    return value

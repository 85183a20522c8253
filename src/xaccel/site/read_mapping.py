"""From settings or a file to a Site, with every problem told at once."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from xaccel.errors import ConfigError, ConfigErrors
from xaccel.site import (
    CONDITION,
    MERGE,
    Cache,
    Site,
    buffer_setting,
    header_rules,
    limit_settings,
    secret_setting,
    url_query,
)
from xaccel.site.check_origins import authority_ok
from xaccel.site.origins import LocalOrigin
from xaccel.site.read_origins import read_origins, upper_keys, valid_names

KEYS = frozenset(
    (
        "ORIGINS SECRET NAME RESPONSE_HEADERS CACHE TRANSFER_LOG ACCESS_LOGS ADD_HEADERS ERROR_PAGES RESOLVER "
        "CONCURRENCY LIMIT_RATE LIMIT_RATE_AFTER BUFFERS RECORDED_PARAMETERS"
    ).split()
)
"""What may stand at the top of the mapping; upper or lower case."""

ERROR_STATUSES = ("404", "412", "416", "429", "502", "503", "504")
"""The statuses that a download can end with, as keys of ERROR_PAGES (in a file keys are text)."""

_PAGE = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
_SITE_NAME = re.compile(r"[a-z0-9]{0,12}")
_SIZE = re.compile(r"[0-9]{1,9}[kKmMgG]?")
_KEYS = re.compile(r"[1-9][0-9]{5,8}|(?:6[4-9]|[7-9][0-9]|[1-9][0-9]{2,5})[kK]|[1-9][0-9]{0,5}[mM]")
"""64k and more: in less, NGINX does not start. It knows no "g" here."""
_TIME = re.compile(r"[0-9]{1,6}[smhdwMy]?")
_CACHE_UNITS = {
    "max_size": _SIZE,
    "min_free": re.compile(rf"(?:{_SIZE.pattern})?"),
    "inactive": _TIME,
    "keys": _KEYS,
    "valid": _TIME,
    "lock": _TIME,
    "slice": re.compile(r"[0-9]{1,9}[kK]?|[0-9]{1,3}[mM]"),
}
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::[0-9]{1,5})?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f$]")


def read(mapping: Mapping[str, Any], where: str = "XACCEL", *, more_keys: Iterable[str] = ()) -> Site:
    """Make a Site of `mapping`. `more_keys` are read elsewhere, and named with the valid ones.

    Its keys are those of KEYS; "ORIGINS" maps a name to {"type": "s3", …}, with the fields of that type's
    class. "SECRET" is one text, or a list of two while rotating.

    Raises ConfigErrors with every problem, each at a path that starts with `where`.
    """
    found: list[ConfigError] = []
    if not isinstance(mapping, Mapping):
        raise ConfigErrors(
            [ConfigError(f"{mapping!r} is not a mapping", where=where, remedy='Write {"ORIGINS": {…}}.')]
        )
    values = upper_keys(mapping)
    origins = read_origins(values, where, found)
    site = Site(
        origins=origins,
        secrets=secret_setting.read(values.get("SECRET"), f'{where}["SECRET"]', found),
        name=_site_name(values, where, found),
        response_headers=_response_headers(values, where, found),
        cache=_cache(values, where, found),
        transfer_log=_path(values.get("TRANSFER_LOG", "xaccel.log"), f'{where}["TRANSFER_LOG"]', found),
        access_logs=tuple(
            _access_log(item, f'{where}["ACCESS_LOGS"]', found)
            for item in _list(values, "ACCESS_LOGS", where, found)
        ),
        add_headers=_add_headers(values, where, found),
        error_pages=_error_pages(values, where, found),
        resolver=_resolver(values, where, found),
        **limit_settings.read(values, where, found),
        buffers=buffer_setting.read(values.get("BUFFERS"), f'{where}["BUFFERS"]', found),
        recorded_parameters=url_query.read_names(
            _list(values, "RECORDED_PARAMETERS", where, found), f'{where}["RECORDED_PARAMETERS"]', found
        ),
    )
    found.extend(
        ConfigError(
            f"{key!r} is not a setting",
            where=where,
            remedy=valid_names(key, {*KEYS, *more_keys}, "keys"),
        )
        for key in values
        if key not in KEYS
    )
    caching = [
        name for name, origin in origins.items() if not isinstance(origin, LocalOrigin) and origin.cache
    ]
    if caching and site.cache is None:
        found.append(
            ConfigError(
                f"origin {caching[0]!r} is to be cached and the site has no cache",
                where=f'{where}["CACHE"]',
                remedy='Give {"path": "/var/cache/nginx/xaccel"}, or leave the origin\'s cache off.',
            )
        )
    if found:
        raise ConfigErrors(found)
    return site


def _site_name(values: Mapping[str, Any], where: str, found: list[ConfigError]) -> str:
    value = values.get("NAME", "")
    if not isinstance(value, str) or not _SITE_NAME.fullmatch(value):
        found.append(
            ConfigError(
                f"{value!r} is not a name for a site",
                where=f'{where}["NAME"]',
                remedy="Use lower case letters and digits, 12 at most.",
            )
        )
        return ""
    return value


def _list(values: Mapping[str, Any], key: str, where: str, found: list[ConfigError]) -> list[Any]:
    value = values.get(key, ())
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        found.append(
            ConfigError(f"{value!r} is not a list", where=f'{where}["{key}"]', remedy="Write a list.")
        )
        return []
    return list(value)


def _path(value: object, path: str, found: list[ConfigError]) -> str:
    if not isinstance(value, str) or not value.strip() or value == "off" or _UNPRINTABLE.search(value):
        found.append(
            ConfigError(
                f"{value!r} cannot be printed into NGINX's text",
                where=path,
                remedy="Use a path without '$' and control characters.",
            )
        )
        return "xaccel.log"
    return value


def _access_log(value: object, path: str, found: list[ConfigError]) -> str:
    if isinstance(value, str) and CONDITION.search(value):
        _path(CONDITION.sub("", value), path, found)
        return value
    return _path(value, path, found)


def _response_headers(values: Mapping[str, Any], where: str, found: list[ConfigError]) -> tuple[str, ...]:
    names = _list(values, "RESPONSE_HEADERS", where, found)
    for name in names:
        if not header_rules.declarable(name):
            found.append(
                ConfigError(
                    f"{name!r} cannot be declared",
                    where=f'{where}["RESPONSE_HEADERS"]',
                    remedy="Names are letters, digits and '-'; those that an option or NGINX decides are taken"
                    " (Cache-Control, Content-Disposition, ETag, Set-Cookie …).",
                )
            )
    lower = [str(name).lower() for name in names]
    for name in sorted({name for name in lower if lower.count(name) > 1}):
        found.append(
            ConfigError(f"{name!r} stands twice", where=f'{where}["RESPONSE_HEADERS"]', remedy="Remove one.")
        )
    return tuple(str(name) for name in names)


def _add_headers(
    values: Mapping[str, Any], where: str, found: list[ConfigError]
) -> tuple[tuple[str, str], ...] | Literal["merge"]:
    if values.get("ADD_HEADERS") == MERGE:
        return MERGE
    pairs: list[tuple[str, str]] = []
    for item in _list(values, "ADD_HEADERS", where, found):
        if not isinstance(item, Sequence) or isinstance(item, str) or len(item) != 2:
            what = f"{item!r} is not a pair of name and value"
        elif not header_rules.header_name_ok(item[0]):
            what = f"{item[0]!r} is not the name of a header"
        elif not header_rules.declarable(item[0]):
            what = f"{item[0]!r} is a header that xaccel or NGINX sends by itself"
        elif not header_rules.header_value_ok(item[1]) or "$" in item[1]:
            what = f"{item[1]!r} is not a value that NGINX's `add_header` takes as it is"
        else:
            pairs.append((item[0], item[1]))
            continue
        found.append(
            ConfigError(
                what,
                where=f'{where}["ADD_HEADERS"]',
                remedy='Write pairs such as ["Strict-Transport-Security", "max-age=31536000"]: printable ASCII without'
                ' "$". Leave out X-Content-Type-Options and other headers that each download has already.',
            )
        )
    return tuple(pairs)


def _cache(values: Mapping[str, Any], where: str, found: list[ConfigError]) -> Cache | None:
    given = values.get("CACHE")
    path = f'{where}["CACHE"]'
    if given is None:
        return None
    names = sorted(field.name for field in dataclasses.fields(Cache))
    if not isinstance(given, Mapping) or "path" not in given:
        found.append(
            ConfigError(
                f"{given!r} is not a cache", where=path, remedy=f"Give 'path' and any of: {', '.join(names)}."
            )
        )
        return None
    if unknown := [name for name in given if name not in names]:
        found.extend(
            ConfigError(
                f"{name!r} is not an option of CACHE",
                where=path,
                remedy=f"Valid options: {', '.join(names)}.",
            )
            for name in unknown
        )
        return None
    cache = Cache(**given)
    _path(cache.path, f'{path}["path"]', found)
    for name, pattern in _CACHE_UNITS.items():
        value = getattr(cache, name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            found.append(
                ConfigError(
                    f"{value!r} is not in NGINX's units",
                    where=f'{path}["{name}"]',
                    remedy='For example "20g" for max_size, "10m" for keys (64k is the least), "1h" for the others.',
                )
            )
    rate = cache.slowest_rate
    if not isinstance(rate, int) or isinstance(rate, bool) or rate < 1:
        found.append(
            ConfigError(
                f"{rate!r} is not a number of bytes a second",
                where=f'{path}["slowest_rate"]',
                remedy="Give a whole number, 1 or more.",
            )
        )
    return cache


def _error_pages(values: Mapping[str, Any], where: str, found: list[ConfigError]) -> dict[int, str]:
    given = values.get("ERROR_PAGES", {})
    pages: dict[int, str] = {}
    for status, path in given.items() if isinstance(given, Mapping) else [("", given)]:
        if str(status) in ERROR_STATUSES and isinstance(path, str) and _PAGE.fullmatch(path):
            pages[int(status)] = path
        else:
            found.append(
                ConfigError(
                    f"{status!r}: {path!r} is not an error page",
                    where=f'{where}["ERROR_PAGES"]',
                    remedy="Give the whole path (letters, digits, '.', '_', '-') of a file for any of: "
                    f"{', '.join(ERROR_STATUSES)}.",
                )
            )
    return pages


def _resolver(values: Mapping[str, Any], where: str, found: list[ConfigError]) -> tuple[str, ...]:
    addresses = _list(values, "RESOLVER", where, found)
    for address in addresses:
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address) or not authority_ok(address):
            found.append(
                ConfigError(
                    f"{address!r} is not the address of a DNS server",
                    where=f'{where}["RESOLVER"]',
                    remedy='Write IP addresses, for example "127.0.0.53" or "[fd00::53]:5353".',
                )
            )
    return tuple(addresses)

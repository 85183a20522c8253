"""The settings of xaccel that replace the locations of a configuration that somebody wrote by hand.

Names and URLs of the configuration are foreign: each is in a JSON text, or escaped in a comment of one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from xaccel.commands.printing import escape
from xaccel.site.origins import HTTPOrigin, S3Origin
from xaccel.tools.lint.location import FetchLocation

GUIDE = "docs/integrate/migrate-from-x-accel.md"
_S3 = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]+)\.)?s3(?:[.-](?:dualstack\.)?(?P<region>[a-z]{2}-[a-z-]+-\d))?\.amazonaws\.com"
)
"""Hosts of buckets (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html)."""
_URL = re.compile(r"(?P<scheme>https?)://(?P<host>[^/$]+)(?P<path>/[^$]*)?")


def settings_for(places: Sequence[FetchLocation]) -> list[str]:
    """Return the lines of the literal XACCEL for the locations of a configuration, none if it has none.

    The reader replaces texts in `<…>`: what only their app knows, and passwords.
    """
    redirected = any(place.follows_anywhere for place in places)
    origins = [place for place in places if not place.follows_anywhere]
    if not origins:
        return []
    names, lines = set[str](), []
    for place in origins:
        name = _name(place, names)
        names.add(name)
        entry = _literal({**_entry(place), **({"redirect_hosts": ["<host>"]} if redirected else {})})
        lines += [
            f"        # {escape(place.shown)}",
            f'        "{name}": {entry},',
        ]
    cached = any(place.value("proxy_cache") not in ("", "off") for place in origins)
    return [
        "XACCEL = {",
        '    "ORIGINS": {',
        *lines,
        "    },",
        *(['    "CACHE": {"path": "<an empty directory>"},'] if cached else []),
        "}",
    ]


def _literal(value: object) -> str:
    """Write a value for Python, with no character that ends a line or controls a terminal."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(name)}: {_literal(one)}' for name, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    # JSON writes other planes as surrogates, which are other text for Python
    return json.dumps(value) if isinstance(value, str) and value.isascii() else ascii(value)


def _name(place: FetchLocation, taken: Iterable[str]) -> str:
    """Name the origin by the location's first word, and number one that is taken."""
    word = next(iter(re.findall(r"[a-z][a-z0-9_-]*", place.line.words[-1].lower())), "files")[:27]
    number = next(n for n in range(1, 1000) if (word if n == 1 else f"{word}-{n}") not in taken)
    return word if number == 1 else f"{word}-{number}"


def _entry(place: FetchLocation) -> dict[str, Any]:
    """Return the entry of ORIGINS."""
    found = _URL.match(place.url)
    if found is None:
        scheme = re.match(r"https?(?=://)", place.url)
        entry: dict[str, Any] = {
            "type": HTTPOrigin.type,
            "base_url": f"{scheme[0] if scheme else 'https'}://<host>/",
        }
    elif of_s3 := _S3.fullmatch(found["host"]):
        # the first folder is the bucket if the host does not name it
        first, _, rest = (found["path"] or "").lstrip("/").partition("/")
        bucket, prefix = (
            (of_s3["bucket"], f"{first}/{rest}" if first else "") if of_s3["bucket"] else (first, rest)
        )
        entry = {"type": S3Origin.type, "bucket": bucket or "<bucket>"}
        entry |= {"region": of_s3["region"]} if of_s3["region"] else {}
        entry |= {"prefix": prefix} if prefix.strip("/") else {}
    else:
        host, servers = found["host"], place.configuration.servers_of(found["host"])
        named = [line.words[2] for line in place.lines("proxy_set_header") if line.words[1].lower() == "host"]
        host = next((name for name in named if "$" not in name), host if not servers else servers[0])
        folder = (found["path"] or "/").rpartition("/")[0]
        entry = {"type": HTTPOrigin.type, "base_url": f"{found['scheme']}://{host}{folder}/"}
        entry |= {"connect_to": [*servers]} if servers and [*servers] != [host] else {}
    if any(
        line.words[1:2]
        and line.words[1].lower() == "authorization"
        and line.words[2:]
        and line.words[2]
        and "$" not in line.words[2]
        for line in place.lines("proxy_set_header")
    ):
        entry["request_headers"] = {"Authorization": "<as in the location>"}
    if authority := place.value("proxy_ssl_trusted_certificate"):
        entry["ca_file"] = authority
    if place.value("proxy_cache") not in ("", "off"):
        entry["cache"] = True
    return entry

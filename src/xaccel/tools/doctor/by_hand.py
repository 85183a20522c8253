"""XA7xx: an X-Accel configuration that somebody wrote by hand, and the settings of xaccel that replace it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from xaccel.commands.printing import escape
from xaccel.site.origins import HTTPOrigin, S3Origin
from xaccel.site.protocol import REDIRECT_HEADER
from xaccel.tools.doctor.check import Evidence, check
from xaccel.tools.doctor.location import Location
from xaccel.tools.doctor.own_directives import Levels, Line, each_line, effective, lines_of
from xaccel.tools.doctor.running_site import RunningSite, Skipped

_S3_HEADERS = ("x-amz-id-2", "x-amz-request-id")
_VARIABLE_HOST = re.compile(r"(?:https?://)?\$|https?://[^/]*\$")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
GUIDE = "docs/integrate/migrate-from-x-accel.md"
_S3 = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]+)\.)?s3(?:[.-](?:dualstack\.)?(?P<region>[a-z]{2}-[a-z-]+-\d))?\.amazonaws\.com"
)
"""Hosts of buckets (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html)."""
_URL = re.compile(r"(?P<scheme>https?)://(?P<host>[^/$]+)(?P<path>/[^$]*)?")


class FetchLocation(Location):
    """A location that fetches files.

    url: of `proxy_pass`, with variables written out up to the first that only a request sets.
    has_variable_host: NGINX resolves the host at each request. has_chosen_host: the request chooses the host.
    is_inside: no client can request the location. is_secure: the storage may be requested over TLS.
    follows_anywhere: the storage's redirects choose the host.
    """

    def __init__(self, line: Line, path: Levels) -> None:
        super().__init__(line, path)
        name, target = line.words[-1], self.value("proxy_pass")
        lines = [one.words for level in path for one in lines_of("set", level) if one.words[2:]]
        sets = {words[1].lstrip("$"): words[2] for words in lines}
        self.has_variable_host = _VARIABLE_HOST.match(target) is not None
        self.url = _beginning(target, sets)
        host = self.url.removeprefix("https://").removeprefix("http://").partition("/")[0]
        self.has_chosen_host = not _variables(host, sets) <= sets.keys()
        self.is_inside = name.startswith("@") or any(one.words == ("internal",) for one in path[-1])
        self.is_secure = not self.url.startswith("http://")
        self.follows_anywhere = "_location" in target or "upstream_http_location" in _variables(target, sets)

    def lines(self, name: str) -> Iterable[Line]:
        """Return the directives of that name that apply here."""
        return effective(name, self.path)

    def words(self, name: str) -> set[str]:
        """Return all arguments of a directive that applies here, in lower case."""
        return {word.lower() for line in self.lines(name) for word in line.words[1:]}

    def sets_header(self, name: str) -> bool:
        """Tell whether the request to the storage has another value of a header than the client's, or none."""
        return any(
            line.words[1].lower() == name and f"$http_{name}" not in line.words[2:]
            for line in self.lines("proxy_set_header")
        )


def _variables(text: str, sets: Mapping[str, str]) -> set[str]:
    """Return the variables that a text is made of, each once: written out, the text could be endless."""
    found, waiting = set[str](), [text]
    while waiting:
        names = {*_VARIABLE.findall(waiting.pop())} - found
        found |= names
        waiting += [sets[name] for name in names if name in sets]
    return found


def _beginning(text: str, sets: Mapping[str, str]) -> str:
    """Return a text with its variables written out, up to the first that only a request sets."""
    left = dict(sets)
    while (variable := _VARIABLE.search(text)) and variable[1] in left:
        text = text[: variable.start()] + left.pop(variable[1]) + text[variable.end() :]
    return text


def places(main: tuple[Line, ...]) -> Iterator[FetchLocation]:
    """Yield the locations that fetch: internal and named ones, and those whose host the request chooses."""
    lines = list(each_line((main,)))
    # The locations of `auth_request` fetch no file.
    asked = {line.words[1] for line, _ in lines if line.words[0] == "auth_request"}
    for line, path in lines:
        if (
            line.words[0] == "location"
            and lines_of("proxy_pass", line.inside)
            and line.words[-1] not in asked
        ):
            found = FetchLocation(line, (*path, line.inside))
            if found.is_inside or found.has_chosen_host:
                yield found


def faults(place: FetchLocation) -> Iterator[tuple[str, str]]:
    """Yield the faults of a location, each after its check."""
    if not place.is_inside:
        yield "XA701", "can be requested by clients, and they choose its host"
    sent = [name for name in ("cookie", "authorization") if not place.sets_header(name)]
    if sent and place.value("proxy_pass_request_headers") != "off":
        yield "XA702", f"sends the client's {' and '.join(sent)}"
    if place.has_variable_host:
        yield "XA705", "has a variable as host"
    elif place.value("proxy_http_version") != "1.1" or not place.sets_header("connection"):
        yield "XA705", 'has no `proxy_http_version 1.1` with `proxy_set_header Connection ""`'
    missing = [status for status in ("403", "404") if status not in place.words("error_page")]
    if place.value("proxy_intercept_errors") != "on":
        yield "XA706", "has no `proxy_intercept_errors on`"
    elif missing:
        yield "XA706", f"has no `error_page` for {' and '.join(missing)}"
    if passed := [name for name in _S3_HEADERS if name not in place.words("proxy_hide_header")]:
        yield "XA707", f"passes {', '.join(passed)}"
    if place.follows_anywhere:
        yield "XA708", "requests any URL that the storage redirects to"
    if REDIRECT_HEADER.lower() not in place.words("proxy_ignore_headers"):
        yield "XA710", "has no `proxy_ignore_headers X-Accel-Redirect`"
    for name, directive, value, is_needed in (
        ("XA703", "proxy_ssl_verify", "on", place.is_secure),
        ("XA704", "proxy_ssl_server_name", "on", place.is_secure),
        ("XA709", "proxy_max_temp_file_size", "0", place.value("proxy_buffering") != "off"),
        ("XA711", "error_log", "/dev/null", True),
        ("XA712", "proxy_pass_request_body", "off", True),
        ("XA713", "proxy_method", "GET", place.value("proxy_cache") in ("", "off")),
    ):
        if is_needed and value.lower() not in place.words(directive):
            yield name, f"has no `{directive} {value}`"


_IDS = "XA701 XA702 XA703 XA704 XA705 XA706 XA707 XA708 XA709 XA710 XA711 XA712 XA713".split()


@check(*_IDS)
def recipe_is_safe(stack: RunningSite) -> Iterator[Evidence]:
    found = list(places(stack.by_hand))
    if not found:
        raise Skipped(f"{stack.config} has no internal location with proxy_pass")
    for place in found:
        yield from (Evidence(f"{place.shown} {fault}", check=name) for name, fault in faults(place))


@check("XA216")
def no_recipe_is_beside_the_site(stack: RunningSite) -> Iterator[str]:
    lines = [line.words for line, _ in each_line((stack.main,))]
    fallbacks = {words[-1] for words in lines if words[0] in ("try_files", "error_page")}
    for place in places(stack.main):
        if place.line.words[-1] in fallbacks and not place.has_chosen_host:
            continue  # it proxies to an app
        if place.url.startswith("http://xaccel_"):
            continue  # xaccel's own, of archives
        if found := [f"{fault} ({name})" for name, fault in sorted(faults(place))]:
            yield f"{place.shown}: {'; '.join(found)}"


def settings_for(config: tuple[Line, ...]) -> list[str]:
    """Return the lines of the literal XACCEL for the locations of a configuration, none if it has none.

    The reader replaces texts in `<…>`: what only their app knows, and passwords.
    """
    found = list(places(config))
    redirected = any(place.follows_anywhere for place in found)
    origins = [place for place in found if not place.follows_anywhere or place.has_chosen_host is False]
    if not origins:
        return []
    names, lines = set[str](), []
    for place in origins:
        name = _name(place, names)
        names.add(name)
        entry = json.dumps({**_entry(place), **({"redirect_hosts": ["<host>"]} if redirected else {})})
        lines += [
            f"        # {escape(place.shown)}",
            f'        "{name}": {entry.replace(": true", ": True")},',
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
        host, servers = found["host"], list(_servers_of(place, found["host"]))
        named = [line.words[2] for line in place.lines("proxy_set_header") if line.words[1].lower() == "host"]
        host = next((name for name in named if "$" not in name), host if not servers else servers[0])
        folder = (found["path"] or "/").rpartition("/")[0]
        entry = {"type": HTTPOrigin.type, "base_url": f"{found['scheme']}://{host}{folder}/"}
        entry |= {"connect_to": servers} if servers and servers != [host] else {}
    if any(
        line.words[1].lower() == "authorization" and line.words[2] and "$" not in line.words[2]
        for line in place.lines("proxy_set_header")
    ):
        entry["request_headers"] = {"Authorization": "<as in the location>"}
    if authority := place.value("proxy_ssl_trusted_certificate"):
        entry["ca_file"] = authority
    if place.value("proxy_cache") not in ("", "off"):
        entry["cache"] = True
    return entry


def _servers_of(place: FetchLocation, name: str) -> Iterator[str]:
    """Yield the addresses of the `upstream` of that name, if there is one."""
    for line in lines_of("upstream", place.path[0]):
        if line.words[1:] == (name,):
            yield from (server.words[1] for server in lines_of("server", line.inside))

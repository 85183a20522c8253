"""Find the front door, the server and location of NGINX's configuration that get a request, and the app behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from xaccel.doctor.own_directives import Levels, Line, effective
from xaccel.http_client.exchange import Exchange, address_of, fetch
from xaccel.site.rules import is_address

_PASSES = ("proxy_pass", "uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_ANY = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104
MOST_BYTES = 8 * 1024 * 1024
"""Bytes of a body that are read."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where the site is. `address` is connected to; it is the host of `url` unless NGINX's configuration named it."""

    url: str
    address: tuple[str, int]

    def ask(self, method: str, target: str, headers: Mapping[str, str] | None = None) -> Exchange:
        """Send one request as a client does: no redirect is followed, and no proxy of the environment is used.

        Raises OSError and http.client.HTTPException.
        """
        return self.try_to_ask(method, target, headers or {}).completed()

    def try_to_ask(self, method: str, target: str, headers: Mapping[str, str]) -> Exchange:
        """Do the same, and raise nothing."""
        return fetch(self.url + target, method, tuple(headers.items()), [self.address], most_bytes=MOST_BYTES)


def door_at(url: str) -> Door:
    """Return the door of a URL."""
    parts = urlsplit(url)
    return Door(f"{parts.scheme}://{parts.netloc}", address_of(url))


def door_of(path: Levels) -> Door | None:
    """Return the door of the `server { }` that a path leads through; None for one that has only sockets."""
    server = path[1] if len(path) > 1 else ()
    names = (word for line in server if line.words[0] == "server_name" for word in line.words[1:])
    for line in server:
        if line.words[0] != "listen" or line.words[1].startswith("unix:") or "quic" in line.words:
            continue
        host, _, port = line.words[1].rpartition(":")
        if not port.isdigit():
            host, port = line.words[1], "80"
        host = _ANY.get(host, host.strip("[]"))
        shown = next((name for name in names if name[0].isalnum()), f"[{host}]" if ":" in host else host)
        scheme, default = ("https", "443") if "ssl" in line.words else ("http", "80")
        return Door(f"{scheme}://{shown}{'' if port == default else f':{port}'}", (host, int(port)))
    return None


@dataclass(frozen=True, slots=True)
class Location:
    """The block that gets a request.

    line: a `location { }`, else a `server { }`. path: the levels around it, and its own.
    """

    line: Line
    path: Levels

    @property
    def shown(self) -> str:
        """Its file, line and name."""
        return f"{self.line.where}: {' '.join(self.line.words)}"

    @property
    def includes_app(self) -> bool:
        """True if app.conf applies here."""
        return any(line.words == ("include", "app") for level in self.path for line in level)

    @property
    def is_of_site(self) -> bool:
        """True if its server includes server.conf."""
        return _includes_site(self.path[1])

    @property
    def backend(self) -> str:
        """Where it passes requests to; empty: nowhere."""
        return next((line.words[1] for line in self.path[-1] if line.words[0] in _PASSES), "")

    def value(self, name: str) -> str:
        """Return the arguments of a directive that applies here; empty where there is none."""
        return " ".join(" ".join(line.words[1:]) for line in effective(name, self.path)[:1])


def location_of(http: tuple[Line, ...], door: Door, target: str) -> Location | None:
    """Return the location for a path at a door, as NGINX chooses it; None where no server is known.

    If that server does not include server.conf, it may pass requests on: then it is the first one that does.
    """
    first = server_of(http, door)
    own = [line for line in http if line.words == ("server",) and _includes_site(line.inside)]
    server = first if first in own else next(iter(own), first)
    return (
        _inside(Location(server, (http, server.inside)), unquote(target.partition("?")[0]))
        if server
        else None
    )


def _includes_site(lines: tuple[Line, ...]) -> bool:
    return any(line.words == ("include", "server") for line in lines)


def server_of(http: tuple[Line, ...], door: Door) -> Line | None:
    """Return the `server { }` that NGINX chooses by address, port and name."""
    host, (address, port) = urlsplit(door.url).hostname or "", door.address
    known = {"", "*", "0.0.0.0", "::", address}  # noqa: S104
    found = [
        (line, words)
        for line in http
        if line.words == ("server",)
        for words in _listens(line)
        if words[0].rpartition(":")[2] == str(port)
        and (not is_address(address) or words[0].rpartition(":")[0].strip("[]") in known)
    ]
    ranked = sorted(found, key=lambda one: (_rank(one[0], host), "default_server" not in one[1]))
    return ranked[0][0] if ranked else None


def _listens(server: Line) -> Iterator[tuple[str, ...]]:
    found = [line.words[1:] for line in server.inside if line.words[0] == "listen"] or [("80",)]
    for words in found:
        yield (words[0] if re.search(r"(?:^|:)\d+$", words[0]) else f"{words[0]}:80", *words[1:])


def _rank(server: Line, host: str) -> int:
    """Return how well a server's names fit: 0 exactly, 1 by a wildcard or an expression, 2 not."""
    names = [word for line in server.inside if line.words[0] == "server_name" for word in line.words[1:]]
    if host in names or f".{host}" in names:
        return 0
    for name in names:
        pattern = name[1:] if name[0] == "~" else re.escape(name).replace(r"\*", ".+")
        pattern = rf"(?:.+)?{pattern}" if name[0] == "." else pattern
        if _fits(pattern if name[0] == "~" else f"^{pattern}$", host):
            return 1
    return 2


def _fits(pattern: str, text: str, *, ignore_case: bool = True) -> bool:
    try:
        return re.search(pattern, text, re.IGNORECASE if ignore_case else 0) is not None
    except re.error:  # PCRE has more
        return False


def _inside(found: Location, uri: str) -> Location:
    lines = [line for line in found.path[-1] if line.words[0] == "location"]
    prefixes, patterns = [], []
    for line in lines:
        mark, name = line.words[1] if line.words[2:] else "", line.words[-1]
        if mark == "=" and name == uri:
            return _into(found, line)
        if mark in ("~", "~*"):
            patterns += [line] if _fits(name, uri, ignore_case=mark == "~*") else []
        elif mark != "=" and uri.startswith(name):
            prefixes.append(line)
    best = max(prefixes, key=lambda line: len(line.words[-1]), default=None)
    if patterns and (best is None or best.words[1] != "^~"):
        return _inside(_into(found, patterns[0]), uri)
    if best is not None:
        return _inside(_into(found, best), uri)
    return _fallback(found)


def _into(found: Location, line: Line) -> Location:
    return Location(line, (*found.path, line.inside))


def _fallback(found: Location) -> Location:
    """Follow `try_files … @name`, whose files a download does not have."""
    last = found.value("try_files").rpartition(" ")[2]
    named = [line for line in found.path[1] if line.words == ("location", last)] if last[:1] == "@" else []
    return Location(named[0], (*found.path[:2], named[0].inside)) if named else found


@dataclass(frozen=True, slots=True)
class App:
    """The app behind a location. servers: host and port, or ("unix:/path", 0)."""

    location: Location
    base: str
    servers: tuple[tuple[str, int], ...]

    @property
    def shown(self) -> str:
        """Where it is."""
        return ", ".join(f"{host}:{port}" if port else host for host, port in self.servers)

    def ask(self, door: Door, target: str, headers: Mapping[str, str]) -> Exchange:
        """Send the request that NGINX would send for this one of a client."""
        parts = urlsplit(door.url)
        path = urlsplit(self.base).path
        if path and self.location.line.words[0] == "location":
            target = path + target.removeprefix(self.location.line.words[-1])
        known = {
            "http_host": parts.netloc,
            "host": parts.hostname or "",
            "scheme": parts.scheme,
            "server_name": parts.hostname or "",
            "server_port": str(door.address[1]),
            "remote_addr": "127.0.0.1",
            "proxy_add_x_forwarded_for": "127.0.0.1",
            "request_uri": target,
            "proxy_host": urlsplit(self.base).netloc,
            **{f"http_{name.lower().replace('-', '_')}": value for name, value in headers.items()},
        }
        own = {} if self.location.value("proxy_pass_request_headers") == "off" else headers
        sent = {"host": known["proxy_host"], **{name.lower(): value for name, value in own.items()}}
        for line in effective("proxy_set_header", self.location.path):
            if len(line.words) == 3:
                sent[line.words[1].lower()] = _VARIABLE.sub(lambda one: known.get(one[1], ""), line.words[2])
        pairs = tuple((name, value) for name, value in {**sent, "connection": "close"}.items() if value)
        url = f"{urlsplit(self.base).scheme}://{urlsplit(self.base).netloc}{target}"
        return fetch(url, "GET", pairs, self.servers, most_bytes=4096, verify=False)

    def withheld(self, reply: Exchange, headers: Mapping[str, str]) -> list[str]:
        """Return which of these headers were not in the request that led to `reply`."""
        sent = {(name.lower(), value) for name, value in reply.sent}
        return [name for name, value in headers.items() if (name.lower(), value) not in sent]


def app_of(http: tuple[Line, ...], location: Location) -> App | None:
    """Return the app that a location proxies to over HTTP; None where it does not, or a variable names it."""
    target = next((line.words[1] for line in location.path[-1] if line.words[0] == "proxy_pass"), "")
    if not target.startswith(("http://", "https://")) or "$" in target:
        return None
    if found := re.match(r"http://(unix:[^:]+):?(.*)", target):
        return App(location, f"http://localhost{found[2]}", ((found[1], 0),))
    groups = (line.inside for line in http if line.words == ("upstream", urlsplit(target).netloc))
    named = [line.words[1] for group in groups for line in group if line.words[0] == "server"]
    servers = ((one, 0) if one.startswith("unix:") else address_of(one) for one in named or [target])
    return App(location, target, tuple(servers))

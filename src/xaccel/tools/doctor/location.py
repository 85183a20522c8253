"""Find the front door, the server and location of NGINX's configuration that get a request, and the app behind."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from xaccel.http_client.exchange import Exchange, address_of, fetch, wait_s
from xaccel.site.rules import is_address
from xaccel.tools.lint.tree import Block, Levels, Line, effective, lines_of

_PASSES = ("proxy_pass", "uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_ANY = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104
MOST_BYTES = 8 * 1024 * 1024
"""Bytes of a body that are read."""


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """Where the site is. `address` is connected to; it is the host of `url` unless NGINX's configuration named it.

    ca_file: the authorities of its certificate; None: those of this machine.
    """

    url: str
    address: tuple[str, int]
    ca_file: str | None = None

    @classmethod
    def at(cls, url: str, ca_file: str | None = None) -> FrontDoor:
        """Return the one of a URL, whose path does not matter."""
        parts = urlsplit(url)
        return cls(f"{parts.scheme}://{parts.netloc}", address_of(url), ca_file)

    def ask(self, method: str, target: str, headers: Mapping[str, str] = MappingProxyType({})) -> Exchange:
        """Send one request as a client does. Raises OSError and http.client.HTTPException."""
        return self.try_to_ask(method, target, headers).completed()

    def try_to_ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Exchange:
        """Do the same, and raise nothing. body: its length is in `headers`."""
        url, sent = self.url + target, tuple(headers.items())
        to = [self.address]
        return fetch(url, method, sent, to, ca_file=self.ca_file, most_bytes=MOST_BYTES, body=body)


def front_door_of(server: Levels) -> FrontDoor | None:
    """Return where clients reach the `server { }` of a path; None for one that has only sockets."""
    inside = server[1] if len(server) > 1 else ()
    names = _names(inside)
    for line in lines_of("listen", inside):
        if line.words[1].startswith("unix:") or "quic" in line.words:
            continue
        host, _, port = line.words[1].rpartition(":")
        if not port.isdigit():
            host, port = line.words[1], "80"
        host = _ANY.get(host, host.strip("[]"))
        shown = next((name for name in names if name[0].isalnum()), f"[{host}]" if ":" in host else host)
        scheme, default = ("https", "443") if "ssl" in line.words else ("http", "80")
        return FrontDoor(f"{scheme}://{shown}{'' if port == default else f':{port}'}", (host, int(port)))
    return None


def _names(server: tuple[Line, ...]) -> list[str]:
    return [word for line in lines_of("server_name", server) for word in line.words[1:]]


class Location(Block):
    """The `location { }` that gets a request, else the `server { }`."""

    @property
    def includes_app(self) -> bool:
        """True if app.conf applies here."""
        return any(line.words == ("include", "app") for level in self.path for line in level)

    @property
    def lacks_app(self) -> bool:
        """True if app.conf is forgotten here: the server includes server.conf, and requests go to an app."""
        return includes_site(self.path[1]) and bool(self.backend) and not self.includes_app

    @property
    def backend(self) -> str:
        """Where it passes requests to; empty: nowhere."""
        return next((line.words[1] for line in self.path[-1] if line.words[0] in _PASSES), "")


def location_of(http: tuple[Line, ...], front_door: FrontDoor, target: str) -> Location | None:
    """Return the location for a path, as NGINX chooses it; None where no server is known.

    If that server does not include server.conf, it may pass requests on: then it is the first one that does.
    """
    server = server_of(http, front_door)
    own = [line for line in lines_of("server", http) if includes_site(line.inside)]
    if own and server not in own:
        server = own[0]
    if server is None:
        return None
    return _inside(Location(server, (http, server.inside)), unquote(target.partition("?")[0]))


def includes_site(server: tuple[Line, ...]) -> bool:
    """Tell whether server.conf is included."""
    return any(line.words == ("include", "server") for line in server)


def server_of(http: tuple[Line, ...], front_door: FrontDoor) -> Line | None:
    """Return the `server { }` that NGINX chooses by address, port and name."""
    host, (address, port) = urlsplit(front_door.url).hostname or "", front_door.address
    known = {"", "*", "0.0.0.0", "::", address}  # noqa: S104
    found = [
        (line, words)
        for line in lines_of("server", http)
        for words in _listens(line)
        if words[0].rpartition(":")[2] == str(port)
        and (not is_address(address) or words[0].rpartition(":")[0].strip("[]") in known)
    ]
    ranked = sorted(found, key=lambda one: (_rank(one[0], host), "default_server" not in one[1]))
    return ranked[0][0] if ranked else None


def _listens(server: Line) -> Iterator[tuple[str, ...]]:
    for words in [line.words[1:] for line in lines_of("listen", server.inside)] or [("80",)]:
        yield (words[0] if re.search(r"(?:^|:)\d+$", words[0]) else f"{words[0]}:80", *words[1:])


def _rank(server: Line, host: str) -> int:
    """Return how well a server's names fit: 0 exactly, 1 by a wildcard or an expression, 2 not."""
    names = _names(server.inside)
    if host in names or f".{host}" in names:
        return 0
    wildcards = (f"*{name}" if name[0] == "." else name for name in names)
    is_matched = any(_fits(one[1:], host) if one[0] == "~" else fnmatchcase(host, one) for one in wildcards)
    return 1 if is_matched else 2


def _fits(pattern: str, text: str, *, ignore_case: bool = True) -> bool:
    try:
        return re.search(pattern, text, re.IGNORECASE if ignore_case else 0) is not None
    except re.error:  # PCRE has more
        return False


def _inside(found: Location, uri: str) -> Location:
    prefixes, patterns, exact = [], [], []
    for line in lines_of("location", found.path[-1]):
        mark, name = line.words[1] if line.words[2:] else "", line.words[-1]
        if mark == "=":
            exact += [line] if name == uri else []
        elif mark in ("~", "~*"):
            patterns += [line] if _fits(name, uri, ignore_case=mark == "~*") else []
        elif uri.startswith(name):
            prefixes.append(line)
    best = max(prefixes, key=lambda line: len(line.words[-1]), default=None)
    if best and best.words[1] == "^~":
        patterns = []
    if chosen := [*exact, *patterns, best][0]:
        return _inside(Location(chosen, (*found.path, chosen.inside)), uri)
    # `try_files … @name` leads on: a download does not have its files.
    last = found.value("try_files").rpartition(" ")[2]
    for line in lines_of("location", found.path[1]) if last[:1] == "@" else ():
        if line.words[1] == last:
            return Location(line, (*found.path[:2], line.inside))
    return found


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

    def ask(self, front_door: FrontDoor, target: str, headers: Mapping[str, str]) -> Exchange:
        """Send the request that NGINX would send for this one of a client."""
        parts, base = urlsplit(front_door.url), urlsplit(self.base)
        if base.path and self.location.line.words[0] == "location":
            target = base.path + target.removeprefix(self.location.line.words[-1])
        known = {
            "http_host": parts.netloc,
            "host": parts.hostname or "",
            "scheme": parts.scheme,
            "server_name": parts.hostname or "",
            "server_port": str(front_door.address[1]),
            "remote_addr": "127.0.0.1",
            "proxy_add_x_forwarded_for": "127.0.0.1",
            "request_uri": target,
            "proxy_host": base.netloc,
            **{f"http_{name.lower().replace('-', '_')}": value for name, value in headers.items()},
        }
        own = {} if self.location.value("proxy_pass_request_headers") == "off" else headers
        sent = {"host": known["proxy_host"], **{name.lower(): value for name, value in own.items()}}
        for line in effective("proxy_set_header", self.location.path):
            if len(line.words) == 3:
                sent[line.words[1].lower()] = _VARIABLE.sub(lambda one: known.get(one[1], ""), line.words[2])
        pairs = tuple((name, value) for name, value in {**sent, "connection": "close"}.items() if value)
        url = f"{base.scheme}://{base.netloc}{target}"
        return fetch(url, "GET", pairs, self.servers, most_bytes=4096, verify=False)

    def withheld(self, reply: Exchange, headers: Mapping[str, str]) -> list[str]:
        """Return which of these headers were not in the request that led to `reply`."""
        sent = {(name.lower(), value) for name, value in reply.sent}
        return [name for name, value in headers.items() if (name.lower(), value) not in sent]


def app_of(http: tuple[Line, ...], location: Location) -> App | None:
    """Return the app that a location proxies to over HTTP; None where it does not, or a variable names it."""
    target = location.backend
    if not target.startswith(("http://", "https://")) or "$" in target:
        return None
    if found := re.match(r"http://(unix:[^:]+):?(.*)", target):
        return App(location, f"http://localhost{found[2]}", ((found[1], 0),))
    groups = (line.inside for line in http if line.words == ("upstream", urlsplit(target).netloc))
    named = [line.words[1] for group in groups for line in lines_of("server", group)]
    servers = ((one, 0) if one.startswith("unix:") else address_of(one) for one in named or [target])
    return App(location, target, tuple(servers))


def app_at(location: Location, address: str) -> App:
    """Return the app at an `app` of the settings: a host with its port, or the path of a socket."""
    if address.startswith("unix:"):
        return App(location, "http://localhost", ((address, 0),))
    return App(location, f"http://{address}", (address_of(f"http://{address}"),))


def is_this_machine(host: str) -> bool:
    """Tell whether a host is the machine or the container itself."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host.strip("[]")).is_loopback)


def accepts_connections(address: str) -> bool:
    """Tell whether the app accepts connections at an `app` of the settings: a host with its port."""
    try:
        socket.create_connection(address_of(f"http://{address}"), timeout=wait_s(5)).close()
    except OSError:
        return False
    return True


def remedy_for_unreached(address: str) -> str:
    """Return the remedy if NGINX does not reach this `app` of the settings; empty: none is known."""
    host = address.rpartition(":")[0]
    if address.startswith("unix:"):
        return ""
    if accepts_connections(address):
        return "" if is_address(host) or is_this_machine(host) else "moved_app"
    return "this_machine" if is_this_machine(host) else ""

"""One NGINX that includes the maps of the engine and returns their values for given inputs.

Each map has a location. It assigns the request headers B0, B1, ... to the variables of the map with `set`, and returns
the value of the map. NGINX has no `set` for its own variables: in the bench, $http_range is called $given_http_range.
Otherwise a map is tested as it is written in the engine.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.engine_text import parse
from xaccel.tools.nginx import Directive
from xaccel.tools.nginx.engine_files import FOLDER
from xaccel_testing import free_port, nginx_server

MOST_INPUTS = 14
_OWN_OF_NGINX = re.compile(r"\$(\{?)(?!xaccel_|args\b|bench_)(?=[a-z])")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_CAPTURE = re.compile(r"\(\?<(\w+)>")
_RESPONSE = re.compile(rb"HTTP/1\.1 200 (?:[^\r]+\r\n)+?Content-Length: (\d+)\r\n(?:[^\r]+\r\n)*\r\n")
_SMALLEST = 100
"""No response has fewer bytes: its date alone has 37."""
_AT_ONCE = 200


def settable(text: str) -> str:
    """Rename NGINX's own variables, so that `set` can assign them."""
    return _OWN_OF_NGINX.sub(r"$\1given_", text)


def written(directives: Iterable[Directive]) -> str:
    """Write directives as they were read, with settable variables."""
    found = []
    for item in directives:
        inside = ";" if item.block is None else f" {{ {written(item.block)} }}"
        found.append(settable(" ".join([item.name, *item.args])) + inside)
    return "\n".join(found)


def files(folder: Path = FOLDER) -> dict[str, Path]:
    """Return the files of the engine that have maps, by the names that the tables have."""
    found = {path.stem: path for path in sorted((folder / "maps").glob("*.conf"))}
    return {**found, **{name: folder / name / "maps.conf" for name in ("archives", "redirects")}}


@dataclass(frozen=True)
class Map:
    """One map of the engine: `file` is a name of `files`."""

    file: str
    source: str
    variable: str
    rows: tuple[Directive, ...]

    @property
    def name(self) -> str:
        return self.variable.removeprefix("$")

    @property
    def place(self) -> str:
        """Return the path of its location."""
        return f"{self.file}/{self.name}"

    @property
    def inputs(self) -> list[str]:
        """Return the variables that its value depends on, without "$"."""
        own = {name for row in self.rows for name in _CAPTURE.findall(row.name)}
        words = [self.source, *(arg for row in self.rows for arg in row.args)]
        found = dict.fromkeys(name for word in words for name in _VARIABLE.findall(word))
        return [name for name in found if name not in own]

    @property
    def remembered(self) -> list[str]:
        """Return its captures that other maps read."""
        read = {name for other in maps() if other is not self for name in other.inputs}
        found = dict.fromkeys(name for row in self.rows for name in _CAPTURE.findall(row.name))
        return [name for name in found if name in read]

    def value(self, variable: str) -> str:
        """Return what the bench returns for the map under that name."""
        return variable + "".join(f", {name}: ${name}" for name in self.remembered)

    def text(self, variable: str, rows: Iterable[Directive] | None = None) -> str:
        """Write the map under another name."""
        source = re.sub(r"^$", '""', self.source)
        inside = self.rows if rows is None else tuple(rows)
        return written([Directive("map", (source, variable), inside)])


@cache
def maps(folder: Path = FOLDER) -> tuple[Map, ...]:
    """Return all maps of the engine in `folder`."""
    return tuple(
        Map(file, item.args[0], item.args[1], item.block or ())
        for file, path in files(folder).items()
        for item in parse(path.read_text(encoding="utf-8"))
        if item.name == "map"
    )


def location(path: str, inputs: Sequence[str], steps: str, value: str) -> str:
    """Write a location that assigns the inputs, runs the steps and returns the value."""
    assigned = [f"set {settable(f'${name}')} $bench_{place};" for place, name in enumerate(inputs)]
    return f'location = /{path} {{ {" ".join(assigned)} {steps} return 200 "={value}"; }}'


def configuration(port: int, http: str, server: str) -> str:
    """Write the configuration of a bench."""
    kinds = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
    headers = "\n".join(
        f'map $http_b{place} $bench_{place} {{ default ""; "~^=(?<bench_of_{place}>.*)=$" $bench_of_{place}; }}'
        for place in range(MOST_INPUTS)
    )
    return f"""
        daemon off; pid nginx.pid; error_log error.log crit; worker_processes 1; pcre_jit on;
        events {{ worker_connections 64; }}
        http {{
            {" ".join(f"{kind}_temp_path tmp/{kind};" for kind in kinds)}
            access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; server_tokens off; default_type "";
            variables_hash_max_size 16384; variables_hash_bucket_size 256;
            large_client_header_buffers 16 64k;
            {headers}
            {http}
            server {{ listen 127.0.0.1:{port}; {server} }}
        }}"""


class Bench:
    """A connection to a bench."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)

    def values(self, path: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
        """Return the value for each row of inputs. Each character of an input is one byte (Latin-1).

        Rows that are alike are sent once.
        """
        distinct = list(dict.fromkeys(rows))
        found: list[str] = []
        for begin in range(0, len(distinct), _AT_ONCE):
            found += self._send(path, distinct[begin : begin + _AT_ONCE])
        value_of = dict(zip(distinct, found, strict=True))
        return [value_of[row] for row in rows]

    def value(self, path: str, *row: str) -> str:
        return self.values(path, [row])[0]

    def close(self) -> None:
        self._socket.close()

    def _send(self, path: str, rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
        head = f"GET /{path} HTTP/1.1\r\nHost: b\r\n"
        headers = (
            "".join(f"B{place}: ={value}=\r\n" for place, value in enumerate(row) if value) for row in rows
        )
        self._socket.sendall("".join(f"{head}{lines}\r\n" for lines in headers).encode("latin-1"))
        missing, received = len(rows), b""
        while missing:
            received += self._more(missing * _SMALLEST - len(received))
            place = 0
            while response := _RESPONSE.match(received, place):
                begin, place_after = response.end(), response.end() + int(response[1])
                if place_after > len(received):
                    break
                yield received[begin + 1 : place_after].decode("latin-1")
                missing, place = missing - 1, place_after
            received = received[place:]
            if not response and b"\r\n\r\n" in received:
                raise AssertionError(f"the bench answers {received!r}")

    def _more(self, least: int) -> bytes:
        # woken for each response, this process and NGINX would take turns on a processor
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(1, least))
        more = self._socket.recv(1 << 18)
        if not more:
            raise AssertionError("the bench closed the connection")
        return more


@contextmanager
def running(directory: Path, binary: str, http: Iterable[str], locations: Iterable[str]) -> Iterator[Bench]:
    """Run a bench."""
    port = free_port()
    text = configuration(port, "\n".join(http), "\n".join(locations))
    with nginx_server(directory, text, binary=binary, ready_port=port):
        bench = Bench(port)
        try:
            yield bench
        finally:
            bench.close()


def names(found: Sequence[Map]) -> Mapping[str, str]:
    """Return the variable of each map by its place. A second map of one name gets another."""
    result: dict[str, str] = {}
    for item in found:
        taken = item.variable in result.values()
        result[item.place] = f"$xaccel_other_{item.name}" if taken else item.variable
    return result


def map_bench(found: Sequence[Map]) -> tuple[list[str], list[str]]:
    """Return the http level and the locations of a bench of these maps."""
    variables = names(found)
    http = [item.text(variables[item.place]) for item in found]
    locations = [location(item.place, item.inputs, "", item.value(variables[item.place])) for item in found]
    return http, locations

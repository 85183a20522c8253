"""Read the operator's own NGINX configuration, and warn of directives that work against downloads."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xaccel.errors import ConfigError, NginxError
from xaccel.site import Site
from xaccel.tools.nginx.probe import call

FILE = re.compile(r"^# configuration file (.+):\n", re.MULTILINE)
_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|([{};])|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\$\{\w+\}|\$\{|\\.|[^\s{};])+)""", re.S
)
_OF_XACCEL = re.compile(r"# (?:xaccel engine:|.*[Gg]enerated by `xaccel config`)")
DUPLICATE = re.compile(
    r'"(proxy_(?:buffer|busy_buffers|temp_file_write|ignore_client_abort)\w*)" directive is duplicate in (.+:\d+)$',
    re.MULTILINE,
)
_PRIVATE = re.compile(r"\$\{?upstream_http_(?:xaccel_(?:url|auth))\b")
"""Variables with signed URLs or the secret."""
_DEEPEST = 50
"""Levels of blocks and includes: nobody writes ten, and a file that includes itself has no end."""
_MOST_BYTES = 4 << 20
"""Of a configuration: a longer file is something else."""
_ALWAYS_SENT = {"x-content-type-options", "content-disposition", "content-security-policy", "cache-control"}


@dataclass(frozen=True, slots=True)
class Line:
    """A directive, with its file and line. `include` remains only for a file of xaccel, as ("include", KIND)."""

    words: tuple[str, ...]
    where: str
    inside: tuple[Line, ...] = ()


Levels = tuple[tuple[Line, ...], ...]
"""The content of `http { }`, of a `server { }` in it, of a `location { }` in that."""


def dump(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run `nginx -T`. `command` is the program with its options for prefix and configuration."""
    try:
        return call([*command, "-T"])
    except NginxError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def warnings(done: subprocess.CompletedProcess[str], site: Site) -> Iterator[str]:
    """Yield a warning for each directive that works against the site. `done`: the result of `dump`."""
    for name, where in DUPLICATE.findall(done.stderr):
        yield f"{where}: NGINX refuses a second {name} in a location, and app.conf sets it: remove your own"
    if done.returncode == 0:
        found = findings(http_of(parse(done.stdout, site.folder)), site)
        yield from dict.fromkeys(text for name, text in found if name != "XA212")


def findings(http: tuple[Line, ...], site: Site) -> Iterator[tuple[str, str]]:
    """Yield what works against the site in `http { }`, some of it several times, each after its check."""
    servers, everywhere = paths_to("server", http), paths_to("app", http)
    around = [server[1:2] for server in servers]
    apps = [path for path in everywhere if not path[1:] or path[1:2] in around]
    if servers and not everywhere:
        yield "XA209", "app.conf is not included: add it to each location { } that proxies to your app"
    elif everywhere and not apps:
        text = f"no server {{ }} with app.conf includes {site.folder}/server.conf: downloads end with 404"
        yield "XA208", text
    for path in apps:
        yield from _in_location(path, http, site)
    for path in servers or [(http,)]:
        yield from _in_server(path, site)
    for line in lines_of("log_format", http):
        if private := _PRIVATE.search(" ".join(line.words[2:])):
            yield "XA218", f"{line.where}: the log_format {line.words[1]} has {private[0]}: remove it"


def _in_location(path: Levels, http: tuple[Line, ...], site: Site) -> Iterator[tuple[str, str]]:
    if path[2:] and not any(line.words[0].endswith("_pass") for line, _ in each_line(path)):
        include = next(line for line in path[-1] if line.words == ("include", "app"))
        other = next((line.words[-1] for line in lines_of("try_files", path[-1])), "the one that does")
        text = f"{include.where}: app.conf is in a location that proxies to nothing: include it in {other}"
        yield "XA209", text
    for line in effective("limit_conn", path) if site.concurrency else ():
        if not _can_be_empty(line.words[1], http):
            remedy = "move it to other locations, or give it a key that is empty for the location of your app"
            yield "XA210", f"{line.where}: this limit_conn replaces CONCURRENCY: {remedy}"


def _in_server(path: Levels, site: Site) -> Iterator[tuple[str, str]]:
    for line in effective("proxy_set_body", path) if site.uploads else ():
        text = f"{line.where}: this proxy_set_body applies to uploads too: move it into the locations that need it"
        yield "XA222", text
    sent = _ALWAYS_SENT | {name.lower() for name, _ in site.add_headers}
    logs = {"off"} | {words.split()[0] for words in site.access_logs}
    for line in effective("add_header", path):
        if (name := line.words[1]).lower() not in sent:
            yield "XA211", f"{line.where}: downloads are sent without this {name}: name it in ADD_HEADERS"
    for line in effective("access_log", path):
        if (log := line.words[1]) not in logs:
            yield "XA212", f"{line.where}: downloads are not in {log}: name it in ACCESS_LOGS"


def http_of(main: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return the content of `http { }`."""
    return tuple(inner for line in lines_of("http", main) for inner in line.inside)


def lines_of(name: str, level: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines of a directive."""
    return tuple(line for line in level if line.words[0] == name)


def effective(name: str, path: Levels) -> tuple[Line, ...]:
    """Return the lines that apply at the innermost level: a level with own lines drops those of outer levels."""
    return next(filter(None, (lines_of(name, level) for level in reversed(path))), ())


def _can_be_empty(zone: str, http: tuple[Line, ...]) -> bool:
    """Tell whether the key of a zone is a map that yields nothing for some requests."""
    zones = [line.words for line in lines_of("limit_conn_zone", http)]
    keys = {words[1] for words in zones if any(word.startswith(f"zone={zone}:") for word in words)}
    maps = [line.inside for line in lines_of("map", http) if line.words[-1] in keys]
    return any("" in [row.words[-1] for row in rows] or not lines_of("default", rows) for rows in maps)


def each_line(path: Levels) -> Iterator[tuple[Line, Levels]]:
    """Yield each line of the innermost level and of the blocks in it, with the levels that it is in."""
    for line in path[-1]:
        yield line, path
        yield from each_line((*path, line.inside))


def paths_to(kind: str, http: tuple[Line, ...]) -> list[Levels]:
    """Return the levels around each include of a file of xaccel: `app`, `server`."""
    return [path for line, path in each_line((http,)) if line.words == ("include", kind)]


def parse(dumped: str, folder: str) -> tuple[Line, ...]:
    """Read the output of `nginx -T`, with the lines of each file at the place of its include.

    Raises ConfigError for blocks that are too deep.
    """
    parts = FILE.split(dumped)[1:]
    files = dict(zip(parts[::2], parts[1::2], strict=True))
    first = next(iter(files), "")
    return tuple(_block(_tokens(first, files[first]), files, folder, 0)) if files else ()


def parse_file(config: Path) -> tuple[Line, ...]:
    """Read a file without its includes. Raises OSError if it is no configuration, and ConfigError as `parse` does."""
    if not config.is_file() and config.exists():
        raise OSError(0, f"{config} is not a regular file: write the configuration to one")
    with config.open("rb") as file:
        text = file.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise OSError(0, f"{config} is larger than {_MOST_BYTES >> 20} MiB: name the file of the server")
    return parse(f"# configuration file {config}:\n{text.decode('utf-8', 'replace')}", "")


def _tokens(name: str, text: str) -> Iterator[tuple[str, str, str]]:
    number, last = 1, 0
    for token in _TOKEN.finditer(text):
        if token[1] or token[2]:
            number, last = number + text.count("\n", last, token.start()), token.start()
            yield token[1] or "", (token[2] or "").strip("\"'"), f"{name}:{number}"


def _block(
    tokens: Iterator[tuple[str, str, str]], files: Mapping[str, str], folder: str, depth: int
) -> Iterator[Line]:
    words: list[str] = []
    begin = ""
    for mark, word, where in tokens:
        if mark == "}":
            return
        if not mark:
            begin = begin if words else where
            words.append(word)
            continue
        if depth == _DEEPEST:
            remedy = "Look for a brace that is not closed, and for a file that includes itself."
            raise ConfigError(f"blocks are nested in {_DEEPEST} levels", where=where, remedy=remedy)
        inside = tuple(_block(tokens, files, folder, depth + 1)) if mark == "{" else ()
        if words[:1] == ["include"] and len(words) == 2:
            yield from _included(words[1], begin, files, folder, depth + 1)
        elif words:  # The block of another language, such as Lua, can have braces without a name.
            yield Line(tuple(words), begin, inside)
        words = []


def _included(pattern: str, where: str, files: Mapping[str, str], folder: str, depth: int) -> Iterator[Line]:
    whole = str(Path(next(iter(files))).parent / pattern)
    for name, text in files.items():
        path = Path(name)
        if not path.match(whole):
            continue
        if _OF_XACCEL.match(text) is None:
            yield from _block(_tokens(name, text), files, folder, depth)
        elif path.stem != "server" or path.parent.name == folder:
            yield Line(("include", path.stem), where)

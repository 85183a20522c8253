"""The engine: static files of NGINX configuration, the same for all sites."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from xaccel.nginx.emit import Directive, Raw

FOLDER = Path(__file__).with_name("engine")
SCRIPT = "xaccel.js"
VERSION = 1
"""Grows when a site needs something of the engine that older engines lack. There is a marker file for each version that
this engine supports."""
MARKER = f"version-{VERSION}-or-newer"
MANIFEST = "MANIFEST"

_MAPS = (
    "1-settings",
    "2-hand-off",
    "3-where",
    "4-request",
    "5-passes",
    "6-user",
    "7-pages",
    "8-log",
    "9-cache",
)
_HEADING = re.compile(r"# xaccel (\d+(?:\.\d+)*)\S*, engine (\d+)\n")


def maps(*, slices: bool) -> tuple[str, ...]:
    """Return the names of the files for the http level. `slices`: NGINX has the module."""
    return (*(f"maps/{name}" for name in _MAPS), "maps/9-slices" if slices else "maps/9-whole")


def files() -> dict[str, str]:
    """Return all files with their content, by path below the engine's folder, the manifest last."""
    found = {
        str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8")
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in (".conf", ".js")
    }
    sums = (f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in found.items())
    heading = f"# xaccel {version('xaccel')}, engine {VERSION}\n"
    return {**found, MANIFEST: heading + "".join(sums)}


def is_newer(folder: Path) -> bool:
    """Tell whether the engine in `folder` is newer than this one."""
    try:
        match = _HEADING.match((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return False
    if match is None:
        return False
    own = _HEADING.match(files()[MANIFEST])
    assert own is not None
    return _release(match) > _release(own)


def _release(match: re.Match[str]) -> tuple[int, tuple[int, ...]]:
    return int(match[2]), tuple(map(int, match[1].split(".")))


def expanded(directives: Iterable[Directive]) -> tuple[Directive, ...]:
    """Replace each include of an engine file by its content, so that single directives of it can be changed."""
    found: list[Directive] = []
    for item in directives:
        path = Path(item.args[0]) if item.name == "include" else None
        if path is not None and path.is_relative_to(FOLDER):
            found.extend(parse(path.read_text(encoding="utf-8")))
        elif item.block is not None:
            found.append(Directive(item.name, item.args, expanded(item.block), item.why))
        else:
            found.append(item)
    return tuple(found)


_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|([{};])|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\$\{|\\.|[^\s{};])+)""", re.S
)


def parse(text: str) -> tuple[Directive, ...]:
    """Read NGINX configuration; arguments stay as they are written. Comments are dropped."""
    tokens = ((match[1] or "", match[2] or "") for match in _TOKEN.finditer(text) if match[1] or match[2])
    return tuple(_directives(tokens))


def _directives(tokens: Iterator[tuple[str, str]]) -> Iterator[Directive]:
    words: list[Raw] = []
    for mark, word in tokens:
        if mark == "}":
            return
        if mark:
            inside = tuple(_directives(tokens)) if mark == "{" else None
            yield Directive(words[0], tuple(words[1:]), inside)
            words = []
        else:
            words.append(Raw(word))

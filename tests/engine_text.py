"""The engine's files as directives, so that a test can change single ones of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from xaccel.tools.nginx.emit import Directive, Raw
from xaccel.tools.nginx.engine_files import FOLDER

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|([{};])|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\$\{|\\.|[^\s{};])+)""", re.S
)


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

"""Read NGINX configurations: files with what they include, or the output of `nginx -T`.

No text of a configuration is trusted: size, depth and number of files have limits, and only regular files are opened.
`Files.unread` lists the rest, so that no report is silent about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from glob import has_magic, iglob
from itertools import islice
from pathlib import Path

from xaccel.errors import ConfigError
from xaccel.tools.lint.tree import Line

FILE = re.compile(r"^# configuration file (.+):\n", re.MULTILINE)
_CODE = r"\{\{[^{}\n]{0,500}\}\}|<%=[^\n]{0,500}?%>"
"""Expressions of Jinja, Go templates and ERB: a program writes the value when it builds the configuration."""
_TOKEN = re.compile(
    r"\s+|\#[^\n]*|\{%[^\n]{0,500}?%\}|\{\#[^\n]{0,500}?\#\}|<%(?!=)[^\n]{0,500}?%>|("
    + _CODE
    + r"(?=[ \t]*$))|([{};])|"
    r""""((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|((?:""" + _CODE + r"|\$\{\w+\}|\$\{|\\.|[^\s{};])+)",
    re.DOTALL | re.MULTILINE,
)
_STATEMENT = re.compile(r"(?:\{\{|<%=)-?\s*(?:if|else|end|range|with|define|/)")
_OF_XACCEL = re.compile(r"# (?:xaccel engine:|.*[Gg]enerated by `xaccel config`)")
_WITHOUT_LOCATIONS = frozenset(
    "mime.types fastcgi.conf fastcgi_params scgi_params uwsgi_params koi-utf koi-win win-utf".split()
)
"""Files of NGINX's package, which a repository leaves out. They contain no location and no header for a storage."""
MAX_BYTES = 4 << 20
"""Of a file: a longer one is no configuration."""
MAX_FILES = 2000
_MAX_DEPTH = 50
"""Levels of blocks and includes: configurations have fewer than ten."""


@dataclass(slots=True)
class Files:
    """The files of a configuration.

    dumped: their texts by their paths, of `nginx -T`; None: they are on disk. prefix: the folder in which relative
    paths begin. folder: of the site whose `server.conf` counts; empty: each site. unread: what could not be read, and
    why.
    """

    prefix: Path
    dumped: dict[str, str] | None = None
    folder: str = ""
    names: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def read(self, name: str, where: str = "") -> str | None:
        """Return the text of a file; None if it cannot be read, which is recorded."""
        self.names.append(name)
        if self.dumped is not None:
            return self.dumped[name]
        try:
            if len(self.names) > MAX_FILES:
                raise OSError(0, f"more than {MAX_FILES} files are included")
            return read_text(Path(name))
        except OSError as error:
            self.names.pop()
            self.unread.append(f"{where}: {name}: {error.strerror}" if where else f"{name}: {error.strerror}")
        return None

    def included(self, pattern: str, where: str, around: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Yield name and text of each file that an include names. around: the files that it is in."""
        whole = str(self.prefix / pattern)
        names: Iterable[str] = [whole]
        if self.dumped is not None:
            names = [name for name in self.dumped if Path(name).match(whole)]
        elif has_magic(pattern):
            names = sorted(islice(iglob(whole), MAX_FILES))
        elif Path(pattern).name in _WITHOUT_LOCATIONS and not Path(whole).exists():
            names = []
        if not names and not has_magic(pattern) and Path(pattern).name not in _WITHOUT_LOCATIONS:
            self.unread.append(f"{where}: {whole}: not in the output of `nginx -T`")
        for name in names:
            if name in around:
                self.unread.append(f"{where}: {name}: the file includes itself")
            elif (text := self.read(name, where)) is not None:
                yield name, text


def read_text(path: Path) -> str:
    """Return the text of a file. Raises OSError if it is no configuration."""
    if not path.is_file() and path.exists():
        raise OSError(0, "not a regular file: write the configuration to one")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(0, f"larger than {MAX_BYTES >> 20} MiB: name the file of the server")
    return content.decode("utf-8", "replace")


def parse(dumped: str, folder: str = "") -> tuple[Line, ...]:
    """Read the output of `nginx -T`, with the lines of each file at the place of its include.

    Raises ConfigError for blocks that are too deep.
    """
    files = files_of_dump(dumped, folder)
    return lines_of_file(next(iter(files.dumped)), files) if files and files.dumped else ()


def files_of_dump(text: str, folder: str = "") -> Files | None:
    """Return the files in the output of `nginx -T`; None if it is something else."""
    parts = FILE.split(text)[1:]
    dumped = dict(zip(parts[::2], parts[1::2], strict=True))
    return Files(Path(next(iter(dumped))).parent, dumped, folder) if dumped else None


def lines_of_file(name: str, files: Files) -> tuple[Line, ...]:
    """Read one file with its includes. Raises ConfigError for blocks that are too deep."""
    text = files.read(name)
    return () if text is None else tuple(_block(_tokens(name, text), files, (name,), 0))


def _tokens(name: str, text: str) -> Iterator[tuple[str, str, str]]:
    number, last = 1, 0
    for token in _TOKEN.finditer(text):
        code, mark, *words = token.groups()
        word = next((one for one in words if one is not None), None)
        if code or mark or word is not None:
            number, last = number + text.count("\n", last, token.start()), token.start()
            yield mark or ("code" if code else ""), code or word or "", f"{name}:{number}"


def _block(
    tokens: Iterator[tuple[str, str, str]], files: Files, around: tuple[str, ...], depth: int
) -> Iterator[Line]:
    words: list[str] = []
    begin = ""
    for mark, word, where in tokens:
        if mark == "code" and not words:
            if _STATEMENT.match(word) is None:  # the text of one is read, whatever its condition is
                files.unread.append(f"{where}: the text that a template writes for {word}")
            continue
        if mark == "}":
            return
        if mark in ("", "code"):
            begin = begin if words else where
            words.append(word)
            continue
        if depth == _MAX_DEPTH:
            remedy = "Look for a brace that is not closed, and for a file that includes itself."
            raise ConfigError(f"blocks are nested in {_MAX_DEPTH} levels", where=where, remedy=remedy)
        inside = tuple(_block(tokens, files, around, depth + 1)) if mark == "{" else ()
        if words[:1] == ["include"] and len(words) == 2:
            yield from _included(words[1], begin, files, around, depth + 1)
        elif words:  # The block of another language, such as Lua, can have braces without a name.
            yield Line(tuple(words), begin, inside)
        words = []


def _included(pattern: str, where: str, files: Files, around: tuple[str, ...], depth: int) -> Iterator[Line]:
    for name, text in files.included(pattern, where, around):
        path = Path(name)
        if _OF_XACCEL.match(text) is None:
            yield from _block(_tokens(name, text), files, (*around, name), depth)
        elif path.stem != "server" or not files.folder or path.parent.name == files.folder:
            yield Line(("include", path.stem), where)

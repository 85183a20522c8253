"""Print text from outside: of a storage, a client, NGINX, a file or the settings.

Everything that a command prints goes through this module. Characters that control a terminal, change the direction of
text or end a line are shown as escapes, such as `\\x1b`. So no text looks like a line of the command itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, metadata
from typing import Protocol
from urllib.parse import quote

from xaccel.errors import ConfigErrors

_PLAIN = frozenset("\n\t")
"""Characters that a terminal gets of a whole file as they are."""


class Stream(Protocol):
    """A file of text, or the wrapper of one in Django's commands."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


def page(path: str) -> str:
    """Return where a page of the documentation is, for a message.

    path: for example "docs/operate/storage.md". A released package has the address of its repository among its links;
    without it the path is that in a clone.
    """
    try:
        links = metadata("xaccel").get_all("Project-URL") or []
    except PackageNotFoundError:
        links = []
    for link in links:
        label, _, address = link.partition(", ")
        if label == "Documentation":
            return f"{address.removesuffix('docs/index.md')}{path}"
    return path


def escape(text: object) -> str:
    """Return a text as one line."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(text))


def escape_word(text: str) -> str:
    """Return a text as one word: percent-encoded are spaces, "%", and characters that are not printable.

    No two texts have the same word, and `urllib.parse.unquote` returns the text.
    """
    is_plain = {char: char.isprintable() and char not in " %" for char in set(text)}
    return "".join(char if is_plain[char] else quote(char, safe="", errors="surrogatepass") for char in text)


def error_text(error: object) -> str:
    """Return a message, each line escaped. All lines but the first are indented.

    A line is one of ConfigErrors' problems, or of what NGINX reported.
    """
    if not isinstance(error, ConfigErrors):
        return "\n".join(_lines(error, ""))
    problems = (line for each in error.problems for line in _lines(each, "  "))
    return "\n".join([f"{escape(error.what)}:", *problems])


def _lines(message: object, indent: str) -> Iterator[str]:
    # not `splitlines`, which splits at characters that end no line for other programs
    first, *others = str(message).split("\n")
    yield f"{indent}{escape(first)}"
    yield from (f"{indent}  {escape(line)}" for line in others if line.strip())


def print_line(
    text: object = "", *, to: Stream | None = None, end: str = "\n", colour: tuple[str, str] | None = None
) -> None:
    """Print a text as one line, on standard output or `to`, at once.

    colour: a word of the text, and its code (https://en.wikipedia.org/wiki/ANSI_escape_code#SGR).
    """
    shown, stream = escape(text), to or sys.stdout
    if colour is not None:
        word, code = colour
        shown = shown.replace(word, f"\033[{code}m{word}\033[0m", 1)
    stream.write(f"{shown}{end}")
    stream.flush()


def print_error(error: object, *, program: str = "xaccel") -> None:
    """Print a message on standard error."""
    sys.stderr.write(f"{program}: {error_text(error)}\n")
    sys.stderr.flush()


def print_data(texts: Iterable[str]) -> None:
    """Print what is for a file or another program as it is: a generated configuration, CSV, JSON.

    A terminal gets it escaped, except line feeds and tabs.
    """
    is_terminal = sys.stdout.isatty()
    for text in texts:
        shown = "".join(char if char in _PLAIN else escape(char) for char in text) if is_terminal else text
        sys.stdout.write(shown)

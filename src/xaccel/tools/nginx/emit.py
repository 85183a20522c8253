"""Write NGINX directives, and refuse values that NGINX cannot read."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xaccel.errors import NginxError

_BARE = re.compile(r"[A-Za-z0-9_./:=@%,*-]+")
_REFUSED = re.compile(r"[\x00-\x1f\x7f$\ud800-\udfff]")
_WIDTH = 110
_WHERE = "NGINX configuration"
_LONGEST = 4000
"""Bytes: NGINX reads a configuration through a buffer of 4096 (NGX_CONF_BUFFER) that a whole value must fit in."""


class Raw(str):
    """Text in NGINX's own language, from this package, which is not quoted. Never made from a setting."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive.

    args: a plain str is a value, and is quoted or refused. Raw is not quoted.
    block: the directives between braces; None ends the directive with ";".
    why: written as a comment above it.
    """

    name: str
    args: tuple[str, ...] = ()
    block: tuple[Directive, ...] | None = None
    why: str = ""


def directive(name: str, *args: str | int, why: str = "") -> Directive:
    """Make a directive without a block."""
    return Directive(name, tuple(str(arg) if isinstance(arg, int) else arg for arg in args), why=why)


def block(name: str, *args: str, inside: Iterable[Directive], why: str = "") -> Directive:
    """Make a directive with a block."""
    return Directive(name, args, tuple(inside), why)


def map_block(
    source: str,
    name: str,
    rows: Iterable[Directive],
    *,
    default: str = "",
    volatile: bool = True,
    why: str = "",
) -> Directive:
    """Make a `map` to the variable `name`. The default is empty, or a variable or a word of this package."""
    first = [directive("volatile")] if volatile else []
    inside = [*first, directive("default", Raw(default or '""')), *rows]
    return block("map", Raw(source), Raw(name), inside=inside, why=why)


def phrase(text: str) -> Raw:
    """Quote text of this package in which variables are meant, for example "$a $b", or a regular expression.

    NGINX takes a backslash for itself before a quote, a backslash, t, r and n only; elsewhere one is enough.
    """
    escaped = re.sub(r'\\(?=[\\"trn]|$)', r"\\\\", text).replace('"', '\\"')
    return Raw(f'"{escaped}"')


def quote(value: str) -> str:
    """Spell `value` so that NGINX reads back exactly it.

    Raises NginxError as `require_quotable` does, and for a value that is longer than NGINX reads.
    """
    spelled = value
    if not isinstance(value, Raw) and not _BARE.fullmatch(require_quotable(value)):
        spelled = '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))
    if len(spelled.encode()) > _LONGEST:
        remedy = "Shorten it: NGINX does not read longer values."
        raise NginxError(f"{value[:40]!r}… is longer than {_LONGEST} bytes", where=_WHERE, remedy=remedy)
    return spelled


def require_quotable(value: str) -> str:
    """Return `value`.

    Raises NginxError for "$", for which NGINX has no escape, for control characters and lone surrogates.
    """
    if _REFUSED.search(value):
        remedy = "Remove '$' and control characters: NGINX has no way to quote them."
        raise NginxError(f"{value!r} cannot be written", where=_WHERE, remedy=remedy)
    return value


def emit(directives: Iterable[Directive], *, indent: int = 0) -> str:
    """Return the text of directives: one directive a line, four blanks a level.

    Raises NginxError as `quote` does, and for a comment with a line break.
    """
    return "\n".join(_lines(directives, "    " * indent)) + "\n"


def _lines(directives: Iterable[Directive], pad: str) -> Iterator[str]:
    for index, item in enumerate(directives):
        opens = item.block is not None and item.name != "if"
        if index and (item.why or opens):
            yield ""
        yield from comment(item.why, pad)
        head = " ".join([item.name, *(quote(arg) for arg in item.args)])
        if item.block is None:
            yield f"{pad}{head};"
        elif [inside.name for inside in item.block] == ["return"]:
            yield f"{pad}{head} {{ {' '.join(_lines(item.block, ''))} }}"
        else:
            yield f"{pad}{head} {{"
            yield from _lines(item.block, pad + "    ")
            yield f"{pad}}}"


def comment(text: str, pad: str = "") -> tuple[str, ...]:
    """Return `text` as comment lines. Raises NginxError for a control character."""
    if _REFUSED.sub("", text) != text.replace("$", ""):
        raise NginxError(f"{text!r} cannot be a comment", where=_WHERE, remedy="Remove control characters.")
    wrapped = textwrap.wrap(text, width=_WIDTH - len(pad) - 2, break_long_words=False, break_on_hyphens=False)
    return tuple(f"{pad}# {line}" for line in wrapped)

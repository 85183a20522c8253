"""Mutants of the engine: a row of a map or a directive on one line, removed or altered."""

from __future__ import annotations

import re
from collections.abc import Iterator

_DIRECTIVES = re.compile(r"(?<=;) (?=proxy_hide_header)")
_HAS_VALUE = ("set ", "proxy_set_header ", "add_header ", "proxy_cache_key ")
_VALUE = re.compile(r' (?P<value>"[^"]*"|\S+);')
_EMPTY = '""'
_NUMBER = re.compile(r"(?<![\w.$-])\d+(?![\w.-])")
_CHANGES = (
    (r"^\"~\*", '"~'),  # a pattern without case
    (r"^\"~(\*?)\^", r'"~\1'),  # no longer from the beginning
    (r"\$\" ", '" '),  # no longer to the end
    (r"\[0-9\]", "[0-8]"),
    (r"\{1,2\}", "?"),
    (r"(?<=[\])])\+", "*"),
    (r"(?<=[\])])\*", "+"),
    (r" = ", " != "),
    (r" != ", " = "),
    (r" ~\*? ", " !~ "),
    (r" !~\*? ", " ~ "),
    (r"\bon;", "off;"),
    (r"\boff;", "on;"),
)


def lines(text: list[str]) -> Iterator[tuple[str, int]]:
    """Yield where each directive on one line is: the innermost block, and the index of the line."""
    blocks = [""]
    for index, line in enumerate(text):
        code = line.strip()
        if not code or code.startswith("#"):
            continue
        if code == "}":
            blocks.pop()
        elif code.endswith("{"):
            yield blocks[-1], index
            blocks.append(code.removesuffix(" {"))
        elif re.search(r";(\s*#.*)?$", code):
            yield blocks[-1], index


def without_comment(line: str) -> str:
    """Return the directive of a line."""
    return re.sub(r"\s+#.*$", "", line.strip())


def mutants(code: str, *, is_row: bool) -> list[str]:
    """Return the mutants of a directive; "" is the line removed."""
    found = [] if code.endswith("{") else [""]
    for pattern, changed in _CHANGES:
        for place in re.finditer(pattern, code):
            found.append(code[: place.start()] + place.expand(changed) + code[place.end() :])
    for place in _NUMBER.finditer(code):
        found.append(f"{code[: place.start()]}{int(place[0]) + 1}{code[place.end() :]}")
    parts = _DIRECTIVES.split(code)
    if len(parts) > 1:
        found += [" ".join([*parts[:index], *parts[index + 1 :]]) for index in range(len(parts))]
    elif (is_row or code.startswith(_HAS_VALUE)) and (place := _VALUE.search(code)):
        other = "x" if place["value"] == _EMPTY else _EMPTY
        found.append(f"{code[: place.start()]} {other};")
    return [text for text in dict.fromkeys(found) if text != code]

"""A docstring as Markdown, and the descriptions of a dataclass's fields in it."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

from xaccel.site.setting import Setting, table, words

_FIELD = re.compile(r"([a-z0-9_]+(?:, [a-z0-9_]+)*): (.+)")


def prose(documented: Any) -> list[str]:
    """Return the paragraphs of a docstring, each in one line, without those that describe fields."""
    return [text for text in _paragraphs(documented) if not _FIELD.match(text)]


def field_texts(documented: Any) -> dict[str, str]:
    """Return the description of each field, from lines that begin with "name: " or "name, other: "."""
    found: dict[str, str] = {}
    for text in _paragraphs(documented):
        if match := _FIELD.match(text):
            found |= dict.fromkeys(match[1].split(", "), match[2])
    return found


def default_of(field: dataclasses.Field[Any]) -> str:
    """Return the default of a field as one writes it."""
    if isinstance(field.default, frozenset):
        return f"`{{{', '.join(map(repr, sorted(field.default)))}}}`"
    if field.default is not dataclasses.MISSING:
        return f"`{field.default!r}`"
    if field.default_factory is not dataclasses.MISSING:
        return f"`{field.default_factory()!r}`"
    return "required"


def field_table(kind: type) -> str:
    """Return a table of the fields of a dataclass, described by its `Setting`s or by its docstring."""
    texts = {**field_texts(kind), **{row.field.name: row.words["doc"] for row in settings_of(kind)}}
    types = {row.field.name: spelled(row.hint) for row in settings_of(kind)}
    rows = ["| Name | Type | Default | Meaning |", "|---|---|---|---|"]
    for field in [row.field for row in settings_of(kind)] or dataclasses.fields(kind):
        text = escaped(texts.get(field.name, ""))
        cells = (f"`{field.name}`", f"`{types.get(field.name, field.type)}`", default_of(field), text)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def settings_of(kind: type) -> tuple[Setting, ...]:
    """Return the settings of a dataclass; none for one that is no table of them."""
    return tuple(table(kind).values()) if kind.__name__ in words() else ()


def spelled(hint: Any) -> str:
    """Return a type as its author writes it."""
    text = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
    optional = re.fullmatch(r"typing\.Optional\[(.*)\]", text)
    text = f"{optional[1]} | None" if optional else re.sub(r"typing\.Union\[(.*), (.*)\]", r"\1 | \2", text)
    return re.sub(r"\b(?:typing|collections\.abc|xaccel(?:\.\w+)+)\.", "", text)


def escaped(text: str) -> str:
    """Escape each "*" and "<" outside of code: Markdown would make italics or HTML of them, and lose them."""
    parts = text.split("`")
    return "`".join(
        part if index % 2 else re.sub(r"[*<]", r"\\\g<0>", part) for index, part in enumerate(parts)
    )


def example(docstring: str) -> tuple[str, str, str]:
    """Split at the first example, the paragraphs that are indented: the text before it, its code, the text after it."""
    text, begin, rest = inspect.cleandoc(docstring).partition("\n\n    ")
    code, *after = re.split(r"\n\n(?=\S)", begin.strip("\n") + rest, maxsplit=1)
    return text, textwrap.dedent(code), "".join(after)


def _paragraphs(documented: Any) -> Iterator[str]:
    before, code, after = example(documented.__doc__ or "")
    yield from _paragraphs_of_text(before)
    if code:
        yield f"```python\n{code}\n```"
    yield from _paragraphs_of_text(after)


def _paragraphs_of_text(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        begins_field = _FIELD.match(line) is not None
        if lines and (not line or begins_field):
            yield " ".join(lines)
            lines = []
        if line:
            lines.append(line.strip())

"""Read the sentences that a person reads: Markdown without code, docstrings, messages, templates."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin

from tests.prose.style import CODE

COG = re.compile(r"\[\[\[cog.*?\[\[\[end\]\]\]", re.DOTALL)
DIRECTIVE = re.compile(r"\{([a-z-]+)\}")
WITH_TEXT = {
    "admonition",
    "attention",
    "caution",
    "danger",
    "dropdown",
    "hint",
    "important",
    "note",
    "seealso",
    "tab-item",
    "tab-set",
    "tip",
    "versionadded",
    "versionchanged",
    "warning",
    "grid",
    "grid-item-card",
}
OPTION = re.compile(r"^(?::[a-z-]+:.*|---)$")
PROSE = re.compile(r"(?:[A-Za-z][A-Za-z'’-]*[,:;]? ){3,}[A-Za-z'’-]+")
CODE_OR_LINK = re.compile(r"`[^`]+`|\]\([^)]*\)")
STATEMENT = re.compile(r"\s*(?:(?:SELECT|INSERT|UPDATE|DELETE|CREATE|WITH|ALTER|DROP)\b|from \w|<)")
MARKDOWN = MarkdownIt("commonmark").enable("table").use(colon_fence_plugin).use(deflist_plugin)


@dataclass(frozen=True)
class Text:
    """A heading, a paragraph, a table cell or a message, with the number of its first line."""

    line: int
    content: str
    exempt: frozenset[str] = frozenset()
    """Names of checks that do not apply."""


HEADING = frozenset({"long", "clause"})
"""A heading is no sentence, nor is a tree."""
FLAG = frozenset({"clause"})
"""`Whether …` describes the values of an attribute, as in the documentation of Python and Django."""


def blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def of_markdown(source: str, first: int = 1) -> Iterator[Text]:
    heading, line = False, first
    for token in MARKDOWN.parse(COG.sub(blank, source)):
        if token.map:
            line = first + token.map[0]
        if token.type in {"heading_open", "th_open"}:
            heading = True
        elif token.type in {"paragraph_open", "td_open"}:
            heading = False
        elif (
            token.type in {"fence", "colon_fence"}
            and (found := DIRECTIVE.match(token.info.strip()))
            and found[1] in WITH_TEXT
        ):
            lines = ["" if OPTION.match(each) else each for each in token.content.splitlines()]
            yield from of_markdown("\n".join(lines), line + 1)
        elif token.type == "inline" and (content := plain(token.children or [])).strip():
            yield Text(line, content, HEADING if heading or "├" in content else frozenset())


def plain(tokens: list[Token]) -> str:
    """Return the words of a paragraph; code is one word."""
    parts = []
    for token in tokens:
        if token.type == "text":
            parts.append(token.content)
        elif token.type == "code_inline":
            parts.append(CODE)
        elif token.type in {"softbreak", "hardbreak"}:
            parts.append("\n")
    return "".join(parts)


def of_python(source: str) -> Iterator[Text]:
    """Docstrings, those of attributes too, and every other literal that reads as a sentence."""
    seen: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        for flag, docstring in docstrings(node):
            seen.add(id(docstring))
            for text in of_markdown(inspect.cleandoc(str(docstring.value)), docstring.lineno):
                yield replace(text, exempt=FLAG) if flag and text.content.startswith("Whether ") else text
        if isinstance(node, ast.JoinedStr):
            seen.update(id(value) for value in node.values)
            parts = [str(part.value) if isinstance(part, ast.Constant) else CODE for part in node.values]
            yield from message("".join(parts), node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in seen:
            yield from message(node.value, node.lineno)


def docstrings(node: ast.AST) -> Iterator[tuple[bool, ast.Constant]]:
    """Literals that stand alone in a body; True for the docstring of an attribute or a property."""
    body = getattr(node, "body", [])
    decorators = [ast.unparse(each) for each in getattr(node, "decorator_list", [])]
    is_property = any(name.endswith("property") for name in decorators)
    previous = None
    for statement in body if isinstance(body, list) else []:
        match statement:
            case ast.Expr(ast.Constant(str()) as docstring):
                yield is_property or isinstance(previous, ast.Assign | ast.AnnAssign), docstring
        previous = statement


def message(content: str, line: int) -> Iterator[Text]:
    content = CODE_OR_LINK.sub(lambda match: CODE if match[0][0] == "`" else "]", content)
    if PROSE.search(content) and not STATEMENT.match(content):
        for number, part in enumerate(re.split(r"\n(?=\s*\n|\s*[-#*]|[ ]{2})", content)):
            yield Text(line + number, part)


def of_template(source: str) -> Iterator[Text]:
    """Text of a Django template; block elements end a sentence."""
    source = re.sub(
        r"\{#.*?#\}|\{% comment.*?endcomment %\}|<(style|script)\b.*?</\1>", blank, source, flags=re.DOTALL
    )
    source = re.sub(r"\{\{.*?\}\}", CODE, source)
    source = re.sub(r"\{%.*?%\}", "\0", source)
    source = re.sub(r"</?(?:a|abbr|b|code|em|i|kbd|small|span|strong|time)\b[^>]*>", "", source)
    source = re.sub(r"<[^>]*>", lambda match: "\0" + blank(match), source)
    line = 1
    for part in source.split("\0"):
        if PROSE.search(part):
            yield Text(line + len(part[: len(part) - len(part.lstrip())].splitlines()), part.strip())
        line += part.count("\n")


def of_toml(source: str) -> Iterator[Text]:
    """Return the strings in quotes; examples are in apostrophes."""
    for number, line in enumerate(source.splitlines(), 1):
        if match := re.fullmatch(r'\w+ = "(.*)"', line):
            yield from of_markdown(match[1].replace('\\"', '"'), number)


def of_file(path: Path) -> Iterator[Text]:
    source = path.read_text(encoding="utf-8")
    match path.suffix:
        case ".md":
            yield from of_markdown(source)
        case ".py":
            yield from of_python(source)
        case ".toml":
            yield from of_toml(source)
        case _:
            yield from of_template(source)

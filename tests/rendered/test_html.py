"""Links lead to an anchor, and table cells have every character of their source."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.pages import ROOT, text

DOCS = ROOT / "docs"
PAGES = sorted(
    str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.rglob("*.md") if "_build" not in page.parts
)
FENCE = re.compile(r"^ *(```+|:::+)(.*)$")
WITH_TEXT = re.compile(
    r" *\{(?:admonition|dropdown|hint|important|note|seealso|tab-item|tab-set|tip|warning)\}"
)
SEPARATOR = re.compile(r" *:?-+:? *")
COLUMN = re.compile(r"(?<!\\)\|")
SPAN = re.compile(r"(`+)(.+?)\1")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUOTES = str.maketrans("“”‘’", "\"\"''")


class Page(HTMLParser):
    """The anchors, links and tables of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(text(page))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := values.get(name))}
        if tag == "a" and (link := values.get("href")):
            self.links.append(link)
        elif tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self._in_cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def without_code(source: str) -> Iterator[str]:
    """Lines outside of code blocks; those of an admonition or a tab are text."""
    opened: list[tuple[str, bool]] = []
    for line in re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL).splitlines():
        fence = FENCE.match(line)
        if fence and opened and fence[1] == opened[-1][0] and not fence[2].strip():
            opened.pop()
        elif fence and all(is_text for _, is_text in opened):
            opened.append((fence[1], bool(WITH_TEXT.match(fence[2]))))
        elif all(is_text for _, is_text in opened):
            yield line.strip()


def rows_of(source: str) -> list[list[str]]:
    """The cells of all tables of a Markdown page, as a reader must see them."""
    rows = [COLUMN.split(line)[1:-1] for line in without_code(source) if line.startswith("|")]
    return [
        [shown(cell) for cell in row] for row in rows if not all(SEPARATOR.fullmatch(cell) for cell in row)
    ]


def shown(cell: str) -> str:
    parts = []
    for number, part in enumerate(SPAN.split(cell.replace("\\|", "|"))):
        if number % 3 == 0:
            plain = LINK.sub(r"\1", part).replace("**", "")
            parts.append(html.unescape(re.sub(r"\\([^\w\s])", r"\1", plain)))
        elif number % 3 == 2:
            parts.append(part)
    return " ".join(LINK.sub(r"\1", "".join(parts)).split())


@pytest.mark.parametrize("name", PAGES)
def test_every_table_cell_shows_all_its_characters(site: Path, name: str) -> None:
    found = [
        [" ".join(cell.split()).translate(QUOTES) for cell in row] for row in Page(site / f"{name}.html").rows
    ]
    assert found == [[cell.translate(QUOTES) for cell in row] for row in rows_of(text(DOCS / f"{name}.md"))]


def test_every_link_of_the_site_leads_to_an_anchor(site: Path) -> None:
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].anchors if target in pages else set()
            if not target.exists() or (parts.fragment and unquote(parts.fragment) not in anchors):
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    assert len(pages) > len(PAGES)
    assert broken == []


def test_no_group_of_the_navigation_has_more_than_eight_entries() -> None:
    groups = {
        (name, number): [line for line in entries.splitlines() if line and not line.startswith(":")]
        for name in PAGES
        for number, entries in enumerate(TOCTREE.findall(text(DOCS / f"{name}.md")))
    }
    assert len(groups) >= 10
    assert {group: len(entries) for group, entries in groups.items() if len(entries) > 8} == {}

"""The settings page: each key and each option has a sentence of its own."""

from __future__ import annotations

import pytest

from docs.generated import settings
from docs.generated.docstrings import starred

TABLES = {
    "S3Origin": settings.origin("S3Origin"),
    "HTTPOrigin": settings.origin("HTTPOrigin"),
    "LocalOrigin": settings.origin("LocalOrigin"),
    "CACHE": settings.cache(),
}


@pytest.mark.parametrize("name", TABLES)
def test_each_option_has_a_sentence_of_its_own(name: str) -> None:
    rows = [row.split(" | ") for row in TABLES[name].splitlines()[2:]]
    meanings = {cells[0]: cells[-1].rstrip(" |") for cells in rows}
    assert all(len(meaning) > 20 and meaning.endswith(".") for meaning in meanings.values()), meanings
    assert len(set(meanings.values())) == len(rows)
    assert not any(meaning.startswith("as for") for meaning in meanings.values())
    options = [cells[0].strip("| `") for cells in rows]
    assert not [(name, text) for name in options for text in meanings.values() if f" {name}: " in text]


def test_each_key_has_a_sentence_of_its_own() -> None:
    sections = settings.keys().split("### ")[1:]
    texts = [section.split("\n\n")[1] for section in sections]
    assert len(set(texts)) == len(texts)


def test_a_star_is_printed_and_makes_no_italics() -> None:
    assert '"*"' not in TABLES["S3Origin"]
    assert r'"tenant-\*"' in TABLES["S3Origin"]
    assert starred("a * and `b*`") == r"a \* and `b*`"

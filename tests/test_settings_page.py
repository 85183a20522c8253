"""The settings page: each key and each option has a sentence of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.generated import settings
from docs.generated.docstrings import starred
from xaccel.audit.conf import Configuration as Audit
from xaccel.django.conf import DjangoSettings
from xaccel.site import Cache, Site
from xaccel.site.read_origins import TYPES
from xaccel.site.setting import table

TABLES = {
    "S3Origin": settings.origin("s3"),
    "HTTPOrigin": settings.origin("http"),
    "LocalOrigin": settings.origin("local"),
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


@pytest.mark.parametrize("kind", [Site, Cache, *TYPES.values(), DjangoSettings, Audit])
def test_each_setting_has_a_sentence_of_its_own(kind: type) -> None:
    docs = {row.key: row.doc for row in table(kind)}
    assert [
        key for key, doc in docs.items() if len(doc) < 20 or not doc.endswith(".") or not doc[0].isupper()
    ] == []
    assert len(set(docs.values())) == len(docs)


def test_each_key_is_on_the_page() -> None:
    page = (Path(__file__).parents[1] / "docs/reference/settings.md").read_text(encoding="utf-8")
    keys = [row.key.upper() for kind in (Site, DjangoSettings, Audit) for row in table(kind)]
    assert [key for key in keys if f"### `{key}`" not in page and f"| `{key}` |" not in page] == []


def test_a_star_is_printed_and_makes_no_italics() -> None:
    assert '"*"' not in TABLES["S3Origin"]
    assert r'"tenant-\*"' in TABLES["S3Origin"]
    assert starred("a * and `b*`") == r"a \* and `b*`"

"""The pages of settings and options: a meaning, a reason to change it, the default and a valid example for each."""

from __future__ import annotations

import ast
import dataclasses
import os
import re
from itertools import chain
from pathlib import Path

import pytest

from docs.generated import options, settings
from docs.generated.docstrings import escaped
from xaccel.audit.settings import AuditSettings
from xaccel.django.conf import DjangoSettings
from xaccel.errors import ConfigError
from xaccel.options import Options
from xaccel.site import Cache, Site
from xaccel.site.origins import CREDENTIALS
from xaccel.site.read_mapping import TYPES, SecretSource
from xaccel.site.setting import Setting, table, words
from xaccel.site.site import Archives, Grants, Redirects, Uploads

KINDS = [
    *(Site, SecretSource, Cache, Archives, Grants, Redirects, Uploads),
    *(*TYPES.values(), DjangoSettings, AuditSettings),
]
SETTINGS = list(settings.every())
PAGE = Path(__file__).parents[1] / "docs/reference/settings.md"


def name(row: Setting) -> str:
    return f"{row.kind}.{row.key}"


@pytest.mark.parametrize("row", SETTINGS, ids=name)
def test_each_example_is_a_value_that_the_setting_takes(
    row: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (
        "STORAGE_ACCESS_KEY",
        "STORAGE_SECRET_KEY",
        "STORAGE_SESSION_TOKEN",
        "PARTNER_TOKEN",
        "XACCEL_SECRET",
    ):
        monkeypatch.setenv(variable, "text-of-at-least-32-characters-000")
    example = row.words["example"]
    if row.key in ("SECRET", "SECRET_FILE"):  # words to replace, and what only the reader has
        assert example.startswith('"')
        return
    value = eval(example, {"os": os})
    if row.key in ("ORIGINS", "CACHE") and isinstance(value, dict):
        return  # tables of their own
    found: list[ConfigError] = []
    row.read(value, {row.needs: value}, "XACCEL", found)
    assert found == []


def test_each_word_belongs_to_a_setting() -> None:
    tables = {kind.__name__: table(kind).keys() for kind in KINDS}
    shared = set(words()) - set(tables) - {"wrong"}
    assert settings.SHARED <= shared <= {*chain(*tables.values())}
    own = {name: keys - shared for name, keys in tables.items()}
    assert {key: set(rows) for key, rows in words().items() if key in own} == own


def test_each_error_of_the_table_is_raised_somewhere() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in (PAGE.parents[2] / "src/xaccel").rglob("*.py")
    )
    unused = [
        name
        for name in words()["wrong"]
        if not re.search(rf'(?:Error: |else |problem\(.*)"{name}"|"{name}": ', code)
    ]
    assert unused == []


def test_each_setting_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    keys = [key for kind in KINDS for key in table(kind)]
    assert [key for key in keys if f"# `{key}`" not in page] == []


def test_each_option_of_a_download_has_a_note_with_an_example() -> None:
    notes = options.notes()
    assert list(notes) == [field.name for field in dataclasses.fields(Options)]
    for name, note in notes.items():
        (call,) = (
            node
            for node in ast.walk(ast.parse(f"f({note['example']})"))
            if isinstance(node, ast.Call) and node.keywords
        )
        assert name in {keyword.arg for keyword in call.keywords}
        assert note["meaning"].endswith(".")


def test_characters_that_markdown_reads_as_its_own_are_escaped() -> None:
    assert escaped("a * and `b*`") == r"a \* and `b*`"
    assert escaped("an <img> and `<b>`") == r"an \<img> and `<b>`"


def test_the_page_about_nginx_names_each_setting_that_needs_no_new_configuration() -> None:
    section = (PAGE.parents[1] / "operate/nginx.md").read_text(encoding="utf-8")
    section = section.partition("\n## Generate again after a change\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"`(\w+)`", section.partition("no new configuration:")[2]))
    kinds = [Site, Cache, Archives, Grants, Redirects, Uploads, *TYPES.values()]
    rows = [row for kind in kinds for row in table(kind).values()]
    assert listed == {row.key for row in rows if not row.in_nginx} | {*CREDENTIALS, "DELIVERY"}

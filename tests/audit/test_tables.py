"""The doctor's check of the tables: a database that is older or newer than the code is named with its column."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import connection

from tests.audit.models import Note
from xaccel.audit.models import Transfer
from xaccel.django.management.commands import xaccel as command
from xaccel.site import read_mapping
from xaccel.tools.doctor.check import Finding, checks, examine
from xaccel.tools.doctor.running_site import RunningSite

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = Transfer._meta.db_table
assert command.tables_are_those_of_this_version


def looked() -> Finding:
    site = read_mapping.read(
        {
            "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
            "ORIGINS": {"media": {"type": "local", "root": "/srv"}},
        }
    )
    check = next(each for each in checks() if each.id == "XA107")
    (result,) = examine([replace(check, needs=())], RunningSite(read_site=lambda: site))
    return result


@contextmanager
def renamed(old: str, new: str) -> Iterator[None]:
    """Rename a column, or a table, which is written as ALTER TABLE does it."""
    with connection.cursor() as cursor:
        cursor.execute(old)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(new)


def test_a_column_that_the_audit_s_table_lacks_is_named() -> None:
    assert (looked().status, looked().evidence) == ("ok", ())
    column = f"ALTER TABLE {TABLE} RENAME COLUMN"
    with renamed(f"{column} reason TO was", f"{column} was TO reason"):
        assert (looked().status, looked().evidence) == (
            "fail",
            (f"the table {TABLE} lacks the column reason",),
        )
        assert "manage.py migrate" in looked().remedy


def test_a_missing_table_is_named() -> None:
    with renamed(f"ALTER TABLE {TABLE} RENAME TO was", f"ALTER TABLE was RENAME TO {TABLE}"):
        assert looked().evidence == (f"the table {TABLE} is missing",)


def test_a_column_of_a_newer_version_that_needs_a_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [field for field in Transfer._meta.local_concrete_fields if field.column != "outcome"]
    monkeypatch.setattr(Transfer._meta, "local_concrete_fields", known)
    assert looked().evidence == (
        f"the table {TABLE} needs the column outcome, which this version does not know",
    )
    assert "an older version runs" in looked().remedy


def test_a_column_that_a_table_of_the_project_has_besides_is_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = [field for field in Note._meta.local_concrete_fields if not field.primary_key]
    monkeypatch.setattr(Note._meta, "local_concrete_fields", known)
    assert looked().status == "ok"


def test_a_table_of_another_schema_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Note._meta, "db_table", 'other"."note')
    assert looked().status == "ok"


def test_a_table_of_the_project_is_only_warned_of() -> None:
    table = Note._meta.db_table
    column = f"ALTER TABLE {table} RENAME COLUMN"
    with renamed(f"{column} only_one_id TO was", f"{column} was TO only_one_id"):
        assert (looked().status, looked().evidence) == (
            "warn",
            (f"the table {table} lacks the column only_one_id",),
        )

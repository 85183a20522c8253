"""Databases of one PostgreSQL that differ in how much is in them: documents, and rows of the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.databases.audit_rows import fill


@dataclass(frozen=True, slots=True)
class Grown:
    """A database with `count` documents, transfers and downloads, and the connection to it.

    server: the process of PostgreSQL that serves it. pair_bytes: on disk, of a transfer with its download and what the
    indexes have of both.
    """

    count: int
    connection: Any
    document: Any
    server: int
    pair_bytes: float

    def use(self) -> None:
        """Make it the default one of this thread."""
        from django.db import connections

        connections["default"] = self.connection

    def owner(self, number: int) -> int:
        """Return whose the document of that number is, of 1 to `count`: each owner has about a hundred."""
        return number % (self.count // 100) + 1


def grown(counts: Sequence[int]) -> list[Grown]:
    """Make and fill a database for each of `counts`, beside the one that this process is set up for."""
    from django.db import connections

    document, first = _document(), connections["default"]
    found = []
    for count in counts:
        with first.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE rows_{count} TEMPLATE {first.settings_dict['NAME']}")
        own: Any = connections.create_connection("default")
        own.settings_dict = {**own.settings_dict, "NAME": f"rows_{count}"}
        connections["default"] = own
        with own.schema_editor() as editor:
            editor.create_model(document)
            # the editor makes the indexes when it is done, so that each is sorted once
            editor.execute(
                f"INSERT INTO {document._meta.db_table} (owner_id, name, key)"
                f" SELECT n % {count // 100} + 1, 'report ' || n || '.pdf', 'files/' || n || '.pdf'"
                f" FROM generate_series(1, {count}) AS n",
                None,
            )
        fill(count)
        with own.cursor() as cursor:
            cursor.execute(
                "SELECT pg_total_relation_size('xaccel_transfer') + pg_total_relation_size('xaccel_download')"
            )
            found.append(
                Grown(count, own, document, own.connection.info.backend_pid, cursor.fetchone()[0] / count)
            )
            # else it is written to disk while something is measured
            cursor.execute("CHECKPOINT")
    return found


def _document() -> Any:
    """The documents of `benchmarks.contenders.models`, without a table of users and without files."""
    from django.conf import settings
    from django.db import models

    class Document(models.Model):
        owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_constraint=False)
        name = models.CharField(max_length=100, db_index=True)
        key = models.TextField()

        class Meta:
            app_label = "growth"

    return Document

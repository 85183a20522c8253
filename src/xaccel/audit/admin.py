"""Show and export the trail in Django's admin. Nothing can be changed there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.functional import cached_property

from xaccel.audit.export import csv_rows, json_rows
from xaccel.audit.models import Download, Transfer
from xaccel.audit.values import indexable
from xaccel.django.conf import configuration


@admin.action(description="Export as CSV")
def as_csv(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> StreamingHttpResponse:
    return _stream(csv_rows(rows), f"{rows.model._meta.model_name}s.csv", "text/csv; charset=utf-8")


@admin.action(description="Export as JSON Lines")
def as_json_lines(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> StreamingHttpResponse:
    return _stream(json_rows(rows), f"{rows.model._meta.model_name}s.jsonl", "application/jsonl")


def _stream(texts: Iterator[str], name: str, kind: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return StreamingHttpResponse(texts, content_type=kind, headers=headers)


MOST = 10_000
"""Rows that a list pages through: counting all would read millions for each page. Filters and the export reach all."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to MOST and no further."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST].count())


class OriginFilter(admin.SimpleListFilter):
    """Filter by the origins of the settings: asking the table for all of them would read every row."""

    title = "origin"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(configuration().site.origins)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(origin=self.value()) if self.value() else queryset


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list that nobody edits, without a count of millions for each page."""

    actions = (as_csv, as_json_lines)
    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50

    # What makes Django show the field; how it is searched is said below.
    search_fields = ("subject",)
    search_help_text = "a whole subject, object key or id"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find whole values, for which there are indexes: a part of one would be searched in millions of rows."""
        if not search_term:
            return queryset, False
        search_term = indexable(search_term)
        found = Q(subject=search_term) | Q(origin__in=list(configuration().site.origins), key=search_term)
        with suppress(ValueError):
            first = UUID(search_term).int >> 48 << 48  # the ids of a decision and its uses begin alike
            found |= Q(id__range=(UUID(int=first), UUID(int=first | (1 << 48) - 1)))
        return queryset.filter(found), False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(Download)
class DownloadAdmin(ReadOnly):
    list_display = tuple("opened_at subject origin key query progress sent_complete transfers".split())
    list_filter = ("sent_complete", OriginFilter, "opened_at")
    ordering = ("-opened_at",)

    @admin.display(description="sent")
    def progress(self, download: Download) -> str:
        if not download.total:
            return "empty file" if download.total == 0 else f"{download.sent_bytes:,} bytes"
        share = 100 * download.sent_bytes / download.total
        shown = "100" if download.sent_complete else f"{min(share, 99.9):.1f}"
        return f"{shown} % of {download.total:,} bytes"


@admin.register(Transfer)
class TransferAdmin(ReadOnly):
    list_display = tuple("decided_at outcome subject origin key query status sent total why ip".split())
    list_filter = ("outcome", OriginFilter, "decided_at")
    ordering = ("-decided_at",)

"""The audit trail in the admin, with user names and file names instead of primary keys and object keys."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from portal.files.models import File
from portal.files.sent_share import share_of_transfer
from portal.files.statistics.counts import file_names
from xaccel.audit import Download, Transfer
from xaccel.audit.admin import DownloadAdmin, ReadOnly, TransferAdmin

_DIGITS = 18
"""A longer number may be none that the database can hold."""


class NamedRows(ChangeList):
    """A page of rows that know the names. Two queries find the names of all its rows."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        people = {
            str(pk): user for pk, user in User.objects.in_bulk(filter(None, map(_key_of, rows))).items()
        }
        files = file_names((row.origin, row.key) for row in rows)
        for row in rows:
            row.person_shown = people.get(row.subject)
            row.file_shown = files.get((row.origin, row.key))
        self.result_list = rows


def _key_of(row: Any) -> int:
    """Return the primary key of the user; 0 for a subject that cannot be one, as in a forged hand-off."""
    subject: str = row.subject
    return int(subject) if subject.isascii() and subject.isdecimal() and len(subject) <= _DIGITS else 0


class Named(ReadOnly):
    """The columns "user" and "file", and a search for their names."""

    search_help_text = "a user name, the name of a file, an object key, or an id"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamedRows

    @admin.display(ordering="subject")
    def user(self, row: Any) -> str:
        """Return the name of the user; what the trail has if the user was deleted."""
        return str(row.person_shown or row.subject or "nobody signed in")

    @admin.display(ordering="key")
    def file(self, row: Any) -> str:
        """Return the name of the file; its key if the file was deleted."""
        return str(row.file_shown or row.key)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        if (row := self.get_object(request, object_id)) is not None:
            row.person_shown = User.objects.filter(pk=_key_of(row)).first()
            row.file_shown = file_names([(row.origin, row.key)]).get((row.origin, row.key))
            context["subtitle"] = f"{self.file(row)}, {self.user(row)}"
        return super().change_view(request, object_id, form_url, context)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found, distinct = super().get_search_results(request, queryset, search_term)
        users = User.objects.filter(username=search_term).values_list("pk", flat=True)
        named = Q(subject__in=[str(pk) for pk in users])
        for origin, key in File.objects.filter(name=search_term).values_list("origin", "key"):
            named |= Q(origin=origin, key=key)
        return found | queryset.filter(named), distinct


admin.site.unregister(Download)
admin.site.unregister(Transfer)


@admin.register(Download)
class NamedDownloadAdmin(Named, DownloadAdmin):
    """Downloads."""

    list_display = ("opened_at", "user", "file", "progress", "transfers")


@admin.register(Transfer)
class NamedTransferAdmin(Named, TransferAdmin):
    """Transfers."""

    list_display = ("decided_at", "user", "file", "result", "status", "ip")

    @admin.display(ordering="outcome")
    def result(self, transfer: Transfer) -> str:
        """Return the outcome in a few words."""
        return share_of_transfer(transfer) or transfer.outcome.replace("_", " ")

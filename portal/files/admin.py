"""Files and grants in the admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat

from portal.files import bucket, trail_admin  # noqa: F401  (registers the audit trail)
from portal.files.models import File, Grant, Removal
from portal.files.removals import is_deletable
from portal.files.upload_form import UploadForm


class GrantInline(admin.TabularInline):  # type: ignore[type-arg]
    """The grants of a file, on the file's page: to add and to remove, as in GrantAdmin."""

    model = Grant
    extra = 1
    autocomplete_fields = ("user", "group")
    readonly_fields = ("granted_by", "granted_at")

    def has_change_permission(self, request: HttpRequest, obj: File | None = None) -> bool:
        return False


@admin.register(File)
class FileAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Files: one is uploaded, and then its origin and key are fixed."""

    list_display = ("name", "kind", "readable_size", "origin", "created_at", "created_by")
    list_filter = ("origin", "content_type", "created_at")
    search_fields = ("name", "key", "sha256")
    inlines = (GrantInline,)
    fields = (
        "id",
        "name",
        "folder",
        "origin",
        "key",
        "size",
        "content_type",
        "sha256",
        "created_at",
        "created_by",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: File | None = None) -> tuple[str, ...]:
        return ("id", "created_at", "created_by", "origin", "key") if obj else ()

    def get_fields(self, request: HttpRequest, obj: File | None = None) -> Any:
        return self.fields if obj else UploadForm.Meta.fields

    def get_form(
        self, request: HttpRequest, obj: File | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return super().get_form(request, obj, change, **kwargs) if obj else UploadForm

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except bucket.StoringFailed as failed:
            # the row has been rolled back
            self.message_user(request, str(failed), messages.ERROR)
            return HttpResponseRedirect(request.path)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        file = self.get_object(request, unquote(object_id))
        response = super().delete_view(request, object_id, extra_context)
        if file is not None and request.method == "POST":
            self._report(request, [file])
        return response

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[File]) -> None:
        files = list(queryset)
        super().delete_queryset(request, queryset)
        self._report(request, files)

    def _report(self, request: HttpRequest, files: Sequence[File]) -> None:
        """Say which objects are still in their storage. The deletion is committed."""
        for file in files:
            reference = {"origin": file.origin, "key": file.key}
            if File.objects.filter(**reference).exists():
                continue
            if not is_deletable(file.origin):
                why = f"the portal deletes no objects of the origin {file.origin}"
            elif Removal.objects.filter(**reference).exists():
                why = "the storage did not delete it. `manage.py remove_objects` tries again"
            else:
                continue
            self.message_user(
                request, f"The object of {file.name} is still in its storage: {why}.", messages.WARNING
            )

    def save_model(self, request: HttpRequest, obj: File, form: ModelForm[File], change: bool) -> None:
        if not change:
            obj.created_by = _user(request)
        super().save_model(request, obj, form, change)
        if not change:
            obj.etag = bucket.put(obj, form.cleaned_data["content"])
            obj.save(update_fields=["etag"])

    def save_formset(
        self,
        request: HttpRequest,
        form: ModelForm[File],
        formset: BaseInlineFormSet[Any, File, Any],
        change: bool,
    ) -> None:
        for grant in formset.save(commit=False):
            grant.granted_by = _user(request)
            grant.save()
        for grant in formset.deleted_objects:
            grant.delete()
        formset.save_m2m()

    @admin.display(ordering="content_type")
    def kind(self, file: File) -> str:
        return file.kind.label

    @admin.display(description="size", ordering="size")
    def readable_size(self, file: File) -> str:
        return filesizeformat(file.size)


@admin.register(Grant)
class GrantAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """All grants in one list. One is added or removed, never changed: the row says who gave it and when."""

    list_display = ("file", "user", "group", "granted_by", "granted_at")
    list_filter = ("granted_at", "group")
    search_fields = ("file__name", "user__username", "group__name")
    list_select_related = ("file", "user", "group", "granted_by")
    autocomplete_fields = ("file", "user", "group")
    readonly_fields = ("granted_by", "granted_at")

    def has_change_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Grant, form: ModelForm[Grant], change: bool) -> None:
        obj.granted_by = _user(request)
        super().save_model(request, obj, form, change)


@admin.register(Removal)
class RemovalAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Objects of deleted files that the storage has not deleted yet, to look at."""

    list_display = ("key", "origin", "size", "created_by", "deleted_at", "tried_at")
    list_filter = ("origin", "deleted_at")
    search_fields = ("key",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Removal | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Removal | None = None) -> bool:
        return False


def _user(request: HttpRequest) -> User:
    # The admin lets nobody in who is not signed in.
    assert isinstance(request.user, User)
    return request.user

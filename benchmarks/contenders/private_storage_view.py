"""django-private-storage with a bucket: its README's detail view, which streams what is on S3."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import QuerySet
from private_storage.storage import private_storage
from private_storage.views import PrivateStorageDetailView

from benchmarks.contenders.models import Document


class _Download(LoginRequiredMixin, PrivateStorageDetailView):
    model = Document
    model_file_field = "file"
    slug_field = "name"
    slug_url_kwarg = "name"
    content_disposition = "attachment"

    def get_queryset(self) -> QuerySet[Document]:
        found: QuerySet[Document] = super().get_queryset().filter(owner=self.request.user)
        return found

    def get_storage(self) -> Any:
        """The field belongs to every contender, so its storage is given here and not in the model."""
        return private_storage

    def can_access_file(self, private_file: object) -> bool:
        return True


download = _Download.as_view()

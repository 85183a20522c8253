"""django-downloadview, with files of a directory behind NGINX: its view with the decorator of its page on NGINX.

https://django-downloadview.readthedocs.io/en/latest/optimizations/nginx.html
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import QuerySet
from django_downloadview import ObjectDownloadView
from django_downloadview.nginx import x_accel_redirect

from benchmarks.contenders.models import Document
from benchmarks.contenders.place import DOWNLOADVIEW_INTERNAL


class _Download(LoginRequiredMixin, ObjectDownloadView):
    model = Document
    file_field = "copy"
    slug_field = "name"
    slug_url_kwarg = "name"

    def get_queryset(self) -> QuerySet[Document]:
        found: QuerySet[Document] = super().get_queryset().filter(owner=self.request.user)
        return found


download: Any = x_accel_redirect(
    _Download.as_view(), source_url="/media/", destination_url=DOWNLOADVIEW_INTERNAL
)

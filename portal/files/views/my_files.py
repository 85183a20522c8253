"""The list of a user's files."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import QuerySet
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import ListView

from portal.files.models import File


@method_decorator(never_cache, name="dispatch")
class MyFiles(LoginRequiredMixin, ListView):  # type: ignore[type-arg]
    """Files granted to the user, newest first, with a search by name."""

    template_name = "files/my_files.html"
    context_object_name = "files"
    paginate_by = 20

    def get_queryset(self) -> QuerySet[File]:
        return File.objects.visible_to(self.request.user).named_like(self.search)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, search=self.search)

    @property
    def search(self) -> str:
        """The words in the search box; PostgreSQL refuses NUL in text."""
        return self.request.GET.get("q", "").replace("\0", "").strip()[:200]

"""The list of a user's files."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Count, F, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import ListView

from portal.files.models import File
from portal.files.tour import tried

COLUMNS: dict[str, tuple[str, F | Lower]] = {
    "name": ("Name", Lower("name")),
    "type": ("Type", F("content_type")),
    "size": ("Size", F("size")),
    "shared": ("Shared", F("granted_at")),
}
"""The columns that can be sorted: their headings and what the database compares."""
_NEWEST_FIRST = "-shared"


@method_decorator(never_cache, name="dispatch")
class MyFiles(LoginRequiredMixin, ListView):  # type: ignore[type-arg]
    """Files granted to the user, in folders, with a search by name in all of them."""

    template_name = "files/my_files.html"
    context_object_name = "files"
    paginate_by = 20

    def get_queryset(self) -> QuerySet[File]:
        files = File.objects.visible_to(self.request.user)
        files = files.named_like(self.search) if self.search else files.filter(folder=self.folder)
        order = OrderBy(COLUMNS[self.sort.removeprefix("-")][1], descending=self.sort.startswith("-"))
        return files.order_by(order, "name", "pk")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        at_top = not self.search and not self.folder
        folders = self._folders()
        is_first = at_top and self.request.GET.get("page") in (None, "1")
        tour = tried() if settings.DEMO and is_first else {}
        return super().get_context_data(
            **kwargs,
            search=self.search,
            folder=self.folder,
            folders=folders if is_first else (),
            in_folders=sum(one["many"] for one in folders) if at_top else 0,
            columns=[self._column(name) for name in COLUMNS],
            offers_zip="ARCHIVES" in settings.XACCEL,
            takes_files="UPLOADS" in settings.XACCEL,
            none_selected=self.request.GET.get("selected") == "none",
            tour=tour,
            tried=sum(tour.values()),
        )

    def _folders(self) -> QuerySet[File, Any]:
        files = File.objects.visible_to(self.request.user).exclude(folder="").order_by("folder")
        return files.values("folder").annotate(many=Count("pk"))

    def _column(self, name: str) -> dict[str, str]:
        """Return heading and link of a column. A click sorts upwards, the next one downwards."""
        direction = {name: "ascending", f"-{name}": "descending"}.get(self.sort, "")
        following = f"-{name}" if direction == "ascending" else name
        return {"name": name, "label": COLUMNS[name][0], "sorted": direction, "next": following}

    @property
    def sort(self) -> str:
        """The name of a column, with "-" before it for a descending order."""
        asked = self.request.GET.get("sort", "")
        return asked if asked.removeprefix("-") in COLUMNS else _NEWEST_FIRST

    @property
    def search(self) -> str:
        """The words in the search box."""
        return self._asked("q")[:200]

    @property
    def folder(self) -> str:
        """The folder that is shown; "" is the first page."""
        return self._asked("folder")

    def _asked(self, name: str) -> str:
        # PostgreSQL refuses NUL in text
        return self.request.GET.get(name, "").replace("\0", "").strip()

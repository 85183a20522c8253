"""The list of a person's own downloads."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import QuerySet
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import ListView

from portal.files.models import Decision
from portal.files.sent_share import sent_shares


@method_decorator(never_cache, name="dispatch")
class MyDownloads(LoginRequiredMixin, ListView):  # type: ignore[type-arg]
    """The decisions about the person's requests.

    A refused row shows no name: it looks the same for a file that does not exist and for one that is somebody
    else's.
    """

    template_name = "files/my_downloads.html"
    context_object_name = "decisions"
    paginate_by = 25

    def get_queryset(self) -> QuerySet[Decision]:
        return Decision.objects.filter(user=self.request.user.pk).order_by("-at", "-pk")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        shares = sent_shares(context["decisions"])
        context["rows"] = [
            (decision, shares.get(decision.transfer_id, "")) for decision in context["decisions"]
        ]
        return context

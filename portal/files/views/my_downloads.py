"""The list of a user's own downloads."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import ListView

from portal.files.sent_share import sent_share
from xaccel.audit import Transfer


@method_decorator(never_cache, name="dispatch")
class MyDownloads(LoginRequiredMixin, ListView):  # type: ignore[type-arg]
    """The user's downloads and other requests, from the audit trail.

    All transfers of one download, such as the parts of a video, are one row: that of the newest transfer.
    A refused row shows no name: it looks the same for a file that does not exist and for another user's file.
    """

    template_name = "files/my_downloads.html"
    context_object_name = "transfers"
    paginate_by = 25

    def get_queryset(self) -> QuerySet[Transfer]:
        # A forged hand-off names any user it likes. It has a log entry, but no decision of the app.
        own = Transfer.objects.filter(subject=str(self.request.user.pk), decided_at__isnull=False)
        asked = own.filter(method__in=("GET", "HEAD"))  # uploads are in the list of files
        later = asked.filter(download=OuterRef("download")).filter(
            Q(decided_at__gt=OuterRef("decided_at"))
            | Q(decided_at=OuterRef("decided_at"), pk__gt=OuterRef("pk"))
        )
        newest = asked.filter(Q(download=None) | ~Exists(later))
        return newest.select_related("download").order_by("-decided_at", "-pk")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["rows"] = [(transfer, sent_share(transfer)) for transfer in context["transfers"]]
        return context

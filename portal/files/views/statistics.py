"""The page of charts, for the users who look after the files."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin, UserPassesTestMixin
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView

from portal.files.statistics import counts, figures
from portal.files.statistics.period import CHOICES, read_period


def may_see_statistics(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Tell whether `user` is staff who may look at the audit trail."""
    permissions = ["xaccel_audit.view_download", "xaccel_audit.view_transfer"]
    return isinstance(user, User) and user.is_staff and user.has_perms(permissions)


@method_decorator(never_cache, name="dispatch")
class Statistics(LoginRequiredMixin, UserPassesTestMixin, TemplateView):
    """Charts of the last days. They name users and files, so the viewer needs the admin's permission for both."""

    template_name = "files/statistics.html"

    def test_func(self) -> bool:
        return may_see_statistics(self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        period = read_period(self.request.GET.get("days"))
        return super().get_context_data(
            **kwargs,
            period=period,
            choices=CHOICES,
            figures=[
                figures.downloads(period),
                figures.top_files(period),
                figures.troubles(period),
                figures.collected(period),
            ],
            without_entry=counts.without_entry(period, timezone.now()),
            waiting=counts.waiting(period, figures.TOP),
        )

"""The page to sign in."""

from __future__ import annotations

from django.contrib.auth.views import LoginView
from django.shortcuts import resolve_url

from portal.files.views.statistics import may_see_statistics


class SignIn(LoginView):
    """Lead users to their files, and administrators, who often have none, to the statistics."""

    def get_success_url(self) -> str:
        asked = super().get_success_url()
        is_first_page = asked == resolve_url("files")
        return resolve_url("statistics") if is_first_page and may_see_statistics(self.request.user) else asked

"""The page to sign in."""

from __future__ import annotations

from django.contrib.auth.views import LoginView
from django.shortcuts import resolve_url
from django.urls import Resolver404, resolve, reverse

from portal.files.views.statistics import may_see_statistics

PAGES = {"download": "begun", "open": "preview"}
"""The page for each address of a file's bytes. A browser that saves the bytes would keep showing the sign-in form."""


class SignIn(LoginView):
    """Lead users to their files, and administrators, who often have none, to the statistics."""

    def get_success_url(self) -> str:
        asked = super().get_success_url()
        is_first_page = asked == resolve_url("files")
        if is_first_page and may_see_statistics(self.request.user):
            return resolve_url("statistics")
        try:
            found = resolve(asked)
        except Resolver404:
            return asked
        if found.url_name in PAGES:
            return reverse(PAGES[found.url_name], args=[found.kwargs["pk"]])
        return asked

"""The page for a form that Django's CSRF protection refused."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def refused_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say what to do; mostly the page was open in two tabs while somebody signed in."""
    return render(request, "403_csrf.html", status=403)

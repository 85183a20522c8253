"""The page for a form that Django's CSRF protection refused."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse


def refused_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say what to do; mostly the page was open in two tabs while somebody signed in.

    Signing out works from an old page too, if the browser says that the page is the portal's. SameSite keeps the
    session's cookie out of forms of other sites, but not of other hosts of the same domain.
    """
    origin = urlsplit(request.headers.get("Origin", ""))
    if request.path == reverse("logout") and origin.netloc == request.get_host():
        logout(request)
        return redirect("login")
    return render(request, "403_csrf.html", status=403)

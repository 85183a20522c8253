"""The permission that every contender checks: the user is logged in, and the document is the user's own."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404

from benchmarks.contenders.models import Document


def own_document(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Give `view` the document of that name, if it is the user's, and what else is in the path."""

    def checked(request: HttpRequest, name: str, **more: str) -> HttpResponseBase:
        return view(request, get_object_or_404(Document, owner=request.user, name=name), **more)

    found: Callable[..., HttpResponseBase] = login_required(checked)
    return found

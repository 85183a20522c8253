"""The floor: the same view, which answers with nothing; and an ordinary page."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template import engines

from benchmarks.contenders.models import Document
from benchmarks.contenders.permission import own_document

_PAGE = engines["django"].from_string(
    "<!doctype html><title>{{ user }}</title><ul>{% for one in documents %}<li>{{ one.name }}{% endfor %}</ul>"
)


@own_document
def empty(request: HttpRequest, document: Document) -> HttpResponseBase:
    """Answer with an empty 200."""
    return HttpResponse()


@login_required
def page(request: HttpRequest) -> HttpResponseBase:
    """List the user's documents."""
    documents = Document.objects.filter(owner=request.user)
    return HttpResponse(_PAGE.render({"user": request.user, "documents": documents}, request))

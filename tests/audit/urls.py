"""Views of the audit's tests."""

from __future__ import annotations

from threading import Event

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path

from xaccel.django import deny_download, send_file


def send(request: HttpRequest) -> HttpResponseBase:
    return send_file(
        request,
        request.GET["key"],
        origin=request.GET.get("origin", "partner"),
        subject=request.GET.get("subject", ""),
        cache_version=request.GET.get("cache_version"),
        filename=request.GET.get("filename"),
        etag=request.GET.get("etag"),
        size=int(request.GET["size"]) if "size" in request.GET else None,
        content_type=request.GET.get("type"),
        limit_rate=int(request.GET["rate"]) if "rate" in request.GET else None,
    )


def stored(request: HttpRequest) -> HttpResponseBase:
    """Send a stored URL."""
    return send_file(request, url=request.GET["url"], subject="7")


class Held:
    """A view that waits between the request and its answer: `asked` is set when it was reached, `let_go` ends it."""

    asked = Event()
    let_go = Event()


def held(request: HttpRequest) -> HttpResponseBase:
    """Send, once the test lets it go."""
    Held.asked.set()
    assert Held.let_go.wait(60)
    return send(request)


def deny(request: HttpRequest) -> HttpResponseBase:
    deny_download(
        request,
        origin="partner",
        key=request.GET["key"],
        reason=request.GET.get("reason", "no grant"),
    )


def share(request: HttpRequest) -> HttpResponseBase:
    """As docs/integrate/share-links.md has it; `wait` is called between the use and the hand-off."""
    from xaccel.audit.share_links.models import Allowance
    from xaccel.audit.share_links.reserve import reserve

    allowance = Allowance.objects.get(pk=request.GET["allowance"])
    version = request.GET.get("version", "v1")
    with transaction.atomic():
        reservation = reserve(request, allowance, version=version)
        if reservation is not None:
            wait()
            answer = send_file(
                request,
                request.GET.get("key", "a"),
                origin="partner",
                subject=reservation.subject,
                cache_version=version,
            )
    if reservation is None:
        deny_download(request, origin="partner", key="a", reason="used up")
    reservation.remember(request, answer)
    return answer


def wait() -> None:
    """Does nothing, until a test puts something in its place."""


urlpatterns = [
    path("send", send),
    path("held", held),
    path("stored", stored),
    path("deny", deny),
    path("share", share),
]

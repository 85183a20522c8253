"""Django REST framework, with its default renderers and a view that is none of Django's."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from tests.adapters.apps.asked import decision, signed_in
from tests.adapters.apps.project import configure
from xaccel import InputRefused

configure(
    __name__,
    "rest_framework",
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None},
)

from rest_framework.request import Request
from rest_framework.views import APIView

from xaccel.django import deny_download, send_file
from xaccel.django.rest_framework import DownloadNegotiation


class Download(APIView):
    content_negotiation_class = DownloadNegotiation

    def get(self, request: Request, name: str) -> HttpResponseBase:
        kind, arguments = decision(name)
        if kind == "deny":
            deny_download(signed_in(request, arguments), **arguments)
        try:
            return send_file(request, arguments.pop("key", None), **arguments)
        except InputRefused as refused:
            return HttpResponse(type(refused).__name__, status=400, content_type="text/plain")

    post = get


urlpatterns = [path("download/<name>", Download.as_view())]
app = get_wsgi_application()

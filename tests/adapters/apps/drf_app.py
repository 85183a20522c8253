"""Django REST framework, with its default renderers and a view that is none of Django's."""

from __future__ import annotations

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from tests.adapters.apps.asked import SITE, decision, signed_in
from xaccel import InputRefused

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for tests",
        INSTALLED_APPS=["rest_framework", "xaccel.django"],
        MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
        REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None},
        XACCEL=SITE,
        USE_TZ=True,
    )
    django.setup()

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

"""DRF's content negotiation and a file: no 406, and errors as DRF makes them."""

from __future__ import annotations

import pytest

from tests.adapters.alone import found_alone

SCRIPT = """
import json
from types import SimpleNamespace
from django.conf import settings
settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF="__main__", SECRET_KEY="x", INSTALLED_APPS=["rest_framework", "xaccel.django"],
    MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None},
    XACCEL={"ORIGINS": {"disk": {"type": "local", "root": "/srv"}}},
)
import django
django.setup()
from django.test import Client
from django.urls import include, path
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import action, api_view, content_negotiation_class
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet
from xaccel.django import deny_download, send_file
from xaccel.django.rest_framework import DownloadNegotiation

class Token(BaseAuthentication):
    def authenticate(self, request):
        token = request.headers.get("Authorization", "").removeprefix("Token ")
        return (SimpleNamespace(is_authenticated=True, pk=token), token) if token else None

class Asked(BasePermission):
    def has_permission(self, request, view):
        return "no" not in request.query_params

class Plain(APIView):
    def get(self, request):
        return send_file(request, "a.pdf")

class View(Plain):
    content_negotiation_class = DownloadNegotiation
    permission_classes = (Asked,)

class Mine(View):
    authentication_classes = (Token,)
    permission_classes = (IsAuthenticated,)

class Set(ViewSet):
    @action(detail=False, content_negotiation_class=DownloadNegotiation)
    def file(self, request):
        return send_file(request, "a.pdf")

    @action(detail=False)
    def other(self, request):
        return send_file(request, "a.pdf")

@api_view(["GET"])
@content_negotiation_class(DownloadNegotiation)
def function(request):
    return send_file(request, "a.pdf")

@api_view(["GET"])
@content_negotiation_class(DownloadNegotiation)
def denied(request):
    deny_download(request, status=int(request.query_params["status"]), reason="no")

router = SimpleRouter(trailing_slash=False)
router.register("set", Set, basename="set")
urlpatterns = [path("plain", Plain.as_view()), path("view", View.as_view()), path("mine", Mine.as_view()),
               path("function", function), path("denied", denied), path("", include(router.urls))]
client = Client()
found = {}
for name in ("plain", "view", "set/file", "set/other", "function"):
    for accept in ("application/pdf", "image/*", "*/*", "text/html"):
        answer = client.get(f"/{name}", headers={"Accept": accept})
        found[f"{name} {accept}"] = [answer.status_code, answer.get("X-Accel-Redirect", "")]
found["format"] = client.get("/view?format=pdf").status_code
found["head"] = client.head("/view", headers={"Accept": "application/pdf"}).status_code
for accept in ("application/pdf", "text/html"):
    answer = client.get("/view?no", headers={"Accept": accept})
    found[f"refused {accept}"] = [answer.status_code, answer["Content-Type"].partition(";")[0]]
    for status in (403, 404):
        answer = client.get(f"/denied?status={status}", headers={"Accept": accept})
        found[f"denied {status} {accept}"] = [answer.status_code, answer["Content-Type"].partition(";")[0]]
found["nobody"] = client.get("/mine").status_code
answer = client.get("/mine", headers={"Authorization": "Token ada-7"})
found["ada"] = [answer.status_code, answer.get("Xaccel-Subject", "")]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    return found_alone(SCRIPT)


def test_a_file_is_no_406_in_a_view_a_view_set_and_a_function(found: dict[str, object]) -> None:
    sent = [200, "/_xaccel/disk/a.pdf"]
    for name in ("view", "set/file", "function"):
        for accept in ("application/pdf", "image/*", "*/*", "text/html"):
            assert found[f"{name} {accept}"] == sent
    assert (found["format"], found["head"]) == (200, 200)


def test_without_the_class_it_is_406(found: dict[str, object]) -> None:
    """When DRF no longer does this, the class is not needed."""
    assert found["plain application/pdf"] == found["set/other application/pdf"] == [406, ""]


def test_a_refusal_is_drfs_own_answer_in_the_clients_format(found: dict[str, object]) -> None:
    for kind, accept in (("application/json", "application/pdf"), ("text/html", "text/html")):
        assert found[f"refused {accept}"] == found[f"denied 403 {accept}"] == [403, kind]
        assert found[f"denied 404 {accept}"] == [404, kind]


def test_the_user_whom_drf_authenticated_is_the_subject(found: dict[str, object]) -> None:
    assert (found["nobody"], found["ada"]) == (403, [200, "ada-7"])

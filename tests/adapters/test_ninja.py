"""docs/integrate/ninja.md is right about refusals, HEAD and the user of django-ninja."""

from __future__ import annotations

import pytest

from tests.adapters.alone import found_alone

SCRIPT = """
import json
from types import SimpleNamespace
from django.conf import settings
settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF="__main__", SECRET_KEY="x", INSTALLED_APPS=["xaccel.django"], USE_TZ=True,
    MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
    XACCEL={"ORIGINS": {"disk": {"type": "local", "root": "/srv"}}},
)
import django
django.setup()
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import path
from ninja import NinjaAPI
from ninja.security import HttpBearer
from xaccel.django import deny_download, send_file

class SignedIn(HttpBearer):
    def authenticate(self, request, token):
        return SimpleNamespace(pk=token)

api, handling = NinjaAPI(), NinjaAPI(urls_namespace="handling")

@api.get("/get")
def get(request):
    return send_file(request, "a.pdf")

@api.api_operation(["GET", "HEAD"], "/both")
def both(request):
    return send_file(request, "a.pdf")

@api.get("/silent", auth=SignedIn())
def silent(request):
    return send_file(request, "a.pdf")

@api.get("/named", auth=SignedIn())
def named(request):
    return send_file(request, "a.pdf", subject=str(request.auth.pk))

@api.get("/denied")
@handling.get("/denied")
def denied(request, status: int):
    deny_download(request, status=status)

@handling.exception_handler(PermissionDenied)
def told(request, error):
    return handling.create_response(request, {"detail": "no"}, status=403)

urlpatterns = [path("api/", api.urls), path("handling/", handling.urls)]
client = Client()
found = {}
for name, answer in {
    "403": client.get("/api/denied?status=403"),
    "404": client.get("/api/denied?status=404"),
    "handled 403": client.get("/handling/denied?status=403"),
}.items():
    found[name] = [answer.status_code, answer["Content-Type"].partition(";")[0], answer.content.decode()]
found["HEAD"] = [client.head(f"/api/{name}").status_code for name in ("get", "both")]
found["subject"] = [
    client.get(f"/api/{name}", headers={"Authorization": "Bearer ada-7"}).get("Xaccel-Subject", "")
    for name in ("silent", "named")
]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    return found_alone(SCRIPT)


def test_404_is_ninjas_json_and_403_djangos_page_unless_it_is_handled(found: dict[str, object]) -> None:
    assert found["404"] == [404, "application/json", '{"detail": "Not Found"}']
    status, kind, page = found["403"]
    assert (status, kind) == (403, "text/html")
    assert "403 Forbidden" in page
    assert found["handled 403"] == [403, "application/json", '{"detail": "no"}']


def test_head_is_405_where_only_get_is_named(found: dict[str, object]) -> None:
    assert found["HEAD"] == [405, 200]


def test_the_subject_is_empty_without_the_user_of_ninjas_authentication(
    found: dict[str, object],
) -> None:
    assert found["subject"] == ["", "ada-7"]

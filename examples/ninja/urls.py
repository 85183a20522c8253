"""Downloads from a private bucket, with django-ninja: `scripts/example ninja`."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from ninja import NinjaAPI

from xaccel.django import deny_download, send_file

api = NinjaAPI()


@api.api_operation(["GET", "HEAD"], "/{path:key}")
def download(request: HttpRequest, key: str, user: str = "") -> HttpResponseBase:  # in your app: request.auth
    if not user or key.partition("/")[0] != user:
        deny_download(request, key=key, reason="not the owner")
    return send_file(request, key, as_attachment=True, subject=user)


urlpatterns = [path("files/", api.urls)]

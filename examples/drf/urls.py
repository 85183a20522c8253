"""Downloads from a private bucket, with Django REST framework: `scripts/example drf`."""

from types import SimpleNamespace

from django.http.response import HttpResponseBase
from django.urls import path
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from xaccel.django import send_file
from xaccel.django.rest_framework import DownloadNegotiation


class Named(BaseAuthentication):  # in your app: who is signed in
    def authenticate(self, request: Request) -> tuple[SimpleNamespace, None]:
        user = request.query_params.get("user", "")
        return SimpleNamespace(is_authenticated=bool(user), pk=user), None


class IsOwner(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        owner = str(view.kwargs["key"]).partition("/")[0]
        return request.user.is_authenticated and owner == request.user.pk


class Download(APIView):
    content_negotiation_class = DownloadNegotiation
    authentication_classes = (Named,)
    permission_classes = (IsOwner,)

    def get(self, request: Request, key: str) -> HttpResponseBase:
        return send_file(request, key, as_attachment=True)


urlpatterns = [path("files/<path:key>", Download.as_view())]

"""A view on `sendfile`, which passes on whatever the test asks for. Only the import differs."""

import json

from django.core.exceptions import PermissionDenied
from django.urls import re_path

from tests.migration.side import BEFORE

if BEFORE:
    from django_sendfile import sendfile
else:
    from xaccel.django.sendfile import sendfile


def send(request):
    if not request.user.is_authenticated:
        raise PermissionDenied
    return sendfile(request, **json.loads(request.GET["q"]))


urlpatterns = [re_path("^send/", send)]

"""A view on `sendfile`, which passes on whatever the test asks for. Only the import differs."""

import json
from pathlib import Path

from django.core.exceptions import PermissionDenied
from django.urls import re_path
from django.utils.translation import gettext_lazy

from tests.migration.side import BEFORE

if BEFORE:
    from django_sendfile import sendfile
else:
    from xaccel.django.sendfile import sendfile


NAMES = {"lazy": gettext_lazy, "path": Path, "number": int}


def send(request):
    if not request.user.is_authenticated:
        raise PermissionDenied
    arguments = json.loads(request.GET["q"])
    if "name_is" in arguments:
        kind = NAMES[arguments.pop("name_is")]
        arguments["attachment_filename"] = kind(arguments["attachment_filename"])
    headers = arguments.pop("headers", {})
    response = sendfile(request, **arguments)
    for name, value in headers.items():
        response[name] = value
    return response


urlpatterns = [re_path("^send/", send)]

"""A view on `sendfile`, which passes on whatever the test asks for; after, it is the function of the guide."""

import json
from pathlib import Path

from django.core.exceptions import PermissionDenied
from django.urls import re_path
from django.utils.translation import gettext_lazy

from tests.migration.side import BEFORE

if BEFORE:
    from django_sendfile import sendfile
else:
    from tests.pages import FENCE, text

    GUIDE = Path(__file__).resolve().parents[2] / "docs/integrate/migrate-from-django-sendfile2.md"
    [code] = [code for _, code in FENCE.findall(text(GUIDE)) if "def sendfile(" in code]
    exec(code)


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

"""Plain HTML forms in Django: `upload_form` makes one, and its address stands for the token against other sites."""

from __future__ import annotations

from hashlib import sha256
from typing import Unpack
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token

from xaccel.django.conf import configuration
from xaccel.django.decisions import subject_of
from xaccel.errors import OptionRefused
from xaccel.features.uploads import forms
from xaccel.features.uploads.decide import UploadArguments
from xaccel.features.uploads.receive import is_ask
from xaccel.site.keys import unseal
from xaccel.site.protocol import UPLOAD_FORM


def upload_form(
    request: HttpRequest, origin: str, *, action: str, **arguments: Unpack[UploadArguments]
) -> forms.Form:
    """Return a form for one file of this user, for an hour. `action` is the path of the view with `receive_file`.

    For example:

        def page(request, pk):
            action = reverse("upload", args=[pk])
            form = upload_form(request, "documents", action=action, max_size="20m")
            return render(request, "upload.html", {"form": form})

    In the template, `{{ form.hidden }}` is before `<input type="file" name="file">`, inside a form with
    `action="{{ form.action }}"`, `method="post"` and `enctype="multipart/form-data"`.

    Each file that the form stores has its `content_type`. Raises OptionRefused, OriginNotAllowed and
    CredentialsUnavailable.
    """
    if settings.CSRF_USE_SESSIONS:
        what = "a form needs the cookie of Django's protection against cross-site requests"
        remedy = "Set CSRF_USE_SESSIONS = False, or send the file with upload.js."
        raise OptionRefused(what, where="upload_form", remedy=remedy)
    if "subject" not in arguments:
        arguments["subject"] = subject_of(getattr(request, "user", None))
    get_token(request)
    bound = _bound(request.META["CSRF_COOKIE"], unquote(action.partition("?")[0]))
    sender = configuration().sender
    return forms.make_form(sender, origin, action, arguments, bound=bound)


def trust_address(request: HttpRequest) -> None:
    """Let Django's protection against cross-site requests find the token that belongs to a form's address.

    NGINX asks without the body, where the token usually is. The address is sealed, and names the cookie of this browser
    and the path. So Django compares the token as ever, and the origin of the page.
    """
    site = configuration().site
    address = unseal(site, forms.Address, request.GET[UPLOAD_FORM])
    secret = request.COOKIES.get(settings.CSRF_COOKIE_NAME, "")
    if address and is_ask(site, request.headers) and address.bound == _bound(secret, request.path):
        request.META[settings.CSRF_HEADER_NAME] = secret


def _bound(secret: str, path: str) -> str:
    return sha256(f"{secret}\n{path}".encode()).hexdigest()

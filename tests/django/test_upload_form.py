"""`upload_form` before NGINX is asked: tests/live/uploads/test_forms has the forms themselves."""

from __future__ import annotations

import pytest
from django.test import RequestFactory, override_settings

from xaccel.django.uploads.forms import upload_form
from xaccel.errors import OptionRefused


@override_settings(CSRF_USE_SESSIONS=True)
def test_a_form_needs_the_cookie_of_djangos_protection() -> None:
    with pytest.raises(OptionRefused, match=r"^upload_form: .*CSRF_USE_SESSIONS = False"):
        upload_form(RequestFactory().get("/"), "documents", action="/files/1")

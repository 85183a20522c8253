"""No cache of Django keeps a hand-off: it is the decision about one user."""

from __future__ import annotations

import copy
import pickle
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory

from xaccel.django import send_file

SITE_CACHE = [
    "xaccel.django.HandOffMiddleware",
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
]


def keys_sent(users: list[Any], address: str) -> list[str]:
    """The object keys that each of two users is sent, one after the other."""
    sent = []
    for user in users:
        client = Client()
        client.force_login(user)
        sent.append(urlsplit(client.get(address)["Xaccel-Url"]).path)
    return sent


def test_cache_page_gives_each_user_the_own_file(ada: Any, django_user_model: Any) -> None:
    bob = django_user_model.objects.create_user(username="bob")
    assert keys_sent([ada, bob], "/cached/") == [f"/tenant-a/{ada.pk}.pdf", f"/tenant-a/{bob.pk}.pdf"]
    assert len(cache._cache) == 0


def test_cache_of_the_whole_site_keeps_no_hand_off(settings: Any, ada: Any) -> None:
    settings.MIDDLEWARE = [
        *SITE_CACHE[:2],
        "django.contrib.sessions.middleware.SessionMiddleware",
        *SITE_CACHE[2:],
    ]
    first, second = (Client(), Client())
    first.force_login(ada)
    assert first.get("/key/")["Xaccel-Subject"] == str(ada.pk)
    assert "Xaccel-Subject" not in second.get("/key/")
    assert not [key for key in cache._cache if "cache_page" in key]


def test_cache_page_adds_nothing_to_a_304(client: Client) -> None:
    response = client.get("/cached-validators/", headers={"If-None-Match": '"v1"'})
    assert response.status_code == 304
    assert response["Cache-Control"] == "private, no-cache"
    assert "Expires" not in response


def test_request_that_another_package_wraps_is_marked_inside() -> None:
    """Django REST framework's Request keeps Django's as `_request`."""

    class Wrapped:
        def __init__(self, request: Any) -> None:
            self._request = request

        def __getattr__(self, name: str) -> Any:
            return getattr(self._request, name)

    request = RequestFactory().get("/")
    request._cache_update_cache = True
    send_file(Wrapped(request), "a.pdf", origin="documents")  # type: ignore[arg-type]
    assert request._cache_update_cache is False


@pytest.mark.parametrize("keep", [pickle.dumps, copy.copy, lambda response: cache.set("r", response)])
def test_hand_off_cannot_be_kept(keep: Any) -> None:
    response = send_file(RequestFactory().get("/"), "a.pdf", origin="documents")
    with pytest.raises(TypeError, match="do not cache this view"):
        keep(response)

"""A grant in Django is for the session of the request, which ends when the user logs out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.sessions.backends import cache
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.backends.signed_cookies import SessionStore as Signed
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import AsyncClient, Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.django import HandOffMiddleware, asend_file, send_file
from xaccel.django.conf import configuration
from xaccel.django.grants import revoke
from xaccel.errors import OptionRefused, RevocationFailed
from xaccel.features.grants.grant import key_of
from xaccel.handoff.trace_key import make_key, report_of
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import SCOPE_HEADER, TOKEN_HEADER, TRACE_HEADER, name_in_environ
from xaccel_testing.servers.processes import wait_until

TRACE = name_in_environ(TRACE_HEADER)

ADDRESS = "/key/?a=%31"


@pytest.fixture
def nginx(settings: Any) -> Iterator[Origin]:
    """A server that takes revocations as NGINX does."""
    taken = Answer(body=b"revoked")
    with origin_server(lambda _: taken) as server:
        named = {"app": "127.0.0.1:8000", "paths": ["/files/"], "nginx": [server.url]}
        settings.XACCEL = {**settings.XACCEL, "GRANTS": named}
        yield server
        server.answer = lambda _: taken  # what was not taken is repeated, and would go on in other tests
        assert wait_until(lambda: not any(map(repeats, threading.enumerate())), timeout_s=60)


def repeats(thread: threading.Thread) -> bool:
    return thread.name == "xaccel-revoke"


def asked(client: Client, user: Any = None) -> Any:
    """A request with the session of a client, as it comes through NGINX."""
    if user:
        client.force_login(user)
    token = nginx_token(configuration().site.secrets[0])
    request = RequestFactory().get("/key/", headers={TOKEN_HEADER: token, SCOPE_HEADER: ADDRESS})
    request.session, request.user = client.session, user
    return request


def keys(nginx: Origin) -> list[str]:
    def last(request: Request) -> str:
        return request.target.rpartition("/")[2]

    return [last(request) for request in nginx.requests]


def test_a_grant_is_for_the_session_of_the_request(nginx: Origin, client: Client, ada: Any) -> None:
    request = asked(client, ada)
    for response in (
        send_file(request, "x", origin="documents", grant=30),
        async_to_sync(asend_file)(request, "x", origin="documents", grant=30),
    ):
        assert response["Xaccel-Grant-For"] == client.session.session_key
        assert response[SCOPE_HEADER] == ADDRESS
        assert response["X-Accel-Expires"] == "30"


def test_a_grant_ends_with_the_session(nginx: Origin, client: Client, ada: Any) -> None:
    request = asked(client, ada)
    request.session.set_expiry(7)
    assert send_file(request, "x", origin="documents", grant=30)["X-Accel-Expires"] == "7"


@pytest.mark.parametrize("engine", ["db", "cached_db"])
def test_a_grant_ends_with_a_session_that_was_stored_a_while_ago(
    nginx: Origin, client: Client, ada: Any, settings: Any, engine: str
) -> None:
    """Django counts the age of a session from now, unless it was given a date."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    request = asked(client, ada)
    row = Session.objects.filter(pk=request.session.session_key)
    row.update(expire_date=timezone.now() + timedelta(seconds=200))
    assert SESSION_KEY in request.session  # it is loaded
    with CaptureQueriesContext(connection) as queries:
        response = send_file(request, "x", origin="documents", grant=300)
    assert 0 < int(response["X-Accel-Expires"]) <= 200
    assert len(queries) == 1
    row.update(expire_date=timezone.now())
    assert "Xaccel-Grant-For" not in send_file(request, "x", origin="documents", grant=300)
    row.delete()
    assert "Xaccel-Grant-For" not in send_file(request, "x", origin="documents", grant=300)


def test_a_trace_says_what_nginx_may_remember(nginx: Origin, client: Client, ada: Any) -> None:
    def said(request: Any, **options: Any) -> str:
        site = configuration().site
        request.META[TRACE] = make_key(site.secrets[0], "GET", "http://testserver/key/")
        response = send_file(request, "x", origin="documents", **options)
        assert "Xaccel-Grant-For" not in response
        report = report_of(site, [response["Set-Cookie"]])
        assert report is not None
        return str(report["grant"])

    client.force_login(ada)
    assert said(asked(client), grant=30) == "30 s for this session"
    assert said(asked(client)) == "none: the call has no `grant`"
    other = asked(client)
    del other.META[f"HTTP_{SCOPE_HEADER.upper().replace('-', '_')}"]
    assert said(other, grant=30) == "none: NGINX has no `paths` for this URL"
    other = asked(client)
    other.session = SessionStore()
    assert said(other, grant=30) == "none: the call has no session"


def test_a_cookie_with_the_key_of_no_session_has_no_grant(
    nginx: Origin, client: Client, settings: Any, db: None
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    request = asked(client)
    request.session = cache.SessionStore("0123456789abcdef0123456789abcdef")
    assert "Xaccel-Grant-For" not in send_file(request, "x", origin="documents", grant=300)


def test_a_session_that_the_database_finds_by_another_key_has_no_grant(
    lax_column: Callable[[str, str], None], nginx: Origin, client: Client, ada: Any
) -> None:
    """A logout, which knows the session by its own key, would not revoke the grant."""
    lax_column("django_session", "session_key")
    request = asked(client, ada)
    key = request.session.session_key
    for given, has_grant in ((key, True), (key.upper(), False)):
        request.session = SessionStore(given)
        assert SESSION_KEY in request.session
        response = send_file(request, "x", origin="documents", grant=30)
        assert ("Xaccel-Grant-For" in response) is has_grant


def test_a_user_without_a_session_has_no_grant(nginx: Origin, client: Client, db: None) -> None:
    request = asked(client)
    request.session = SessionStore()
    response = send_file(request, "x", origin="documents", grant=30)
    assert not [name for name in response.headers if "grant" in name.lower()]


def test_vary_reaches_nginx_although_it_moves_into_the_hand_off(
    nginx: Origin, client: Client, ada: Any
) -> None:
    """Else a grant for one value of the header would be used for another one, if RESPONSE_HEADERS lists Vary."""

    def view(request: Any) -> Any:
        return patched(send_file(request, "x", origin="documents", grant=granted))

    def patched(response: Any) -> Any:
        response["Vary"] = "Cookie, Accept-Language"
        return response

    client.force_login(ada)
    seen = {}
    for granted in (30, None):
        response = HandOffMiddleware(view)(asked(client))
        assert response["Xaccel-Header-Vary"] == "Cookie, Accept-Language"
        seen[granted] = response.headers.get("Vary")
    assert seen == {30: "Cookie, Accept-Language", None: None}


def test_a_session_without_a_stable_id_is_an_error(
    nginx: Origin, client: Client, settings: Any, db: None
) -> None:
    request = asked(client)
    request.session = Signed()
    with pytest.raises(OptionRefused, match="signed cookies, so the session has no stable id"):
        send_file(request, "x", origin="documents", grant=30)
    del request.session
    with pytest.raises(OptionRefused, match="has no session"):
        send_file(request, "x", origin="documents", grant=30)
    settings.SESSION_COOKIE_NAME = "other"
    with pytest.raises(OptionRefused, match="GRANTS names the cookie 'sessionid'"):
        send_file(request, "x", origin="documents", grant=30)
    own = send_file(request, "x", origin="documents", grant=30, grant_session="0123456789abcdef")
    assert own["Xaccel-Grant-For"] == "0123456789abcdef"


def test_a_log_out_revokes_the_session(nginx: Origin, client: Client, ada: Any) -> None:
    request = asked(client, ada)
    key = request.session.session_key
    logout(request)
    assert keys(nginx) == [key_of(configuration().site, "session", key)]


def test_an_anonymous_log_out_revokes_only_a_session_that_had_a_grant(
    nginx: Origin, client: Client, settings: Any, db: None
) -> None:
    anonymous, forged = client.session, SessionStore("0123456789abcdef0123456789abcdef")
    anonymous.create()
    for session in (anonymous, forged, SessionStore()):
        request = RequestFactory().post("/logout/")
        request.session = session
        logout(request)
    assert keys(nginx) == []
    request = asked(client)
    anonymous.create()
    key = anonymous.session_key
    request.session = SessionStore(key)
    assert send_file(request, "x", origin="documents", grant=30)["Xaccel-Grant-For"] == key
    assert not request.session.modified  # NGINX remembers no response with a cookie
    request.session = SessionStore(key)
    with CaptureQueriesContext(connection) as queries:
        send_file(request, "x", origin="documents", grant=30)
    assert not [query for query in queries if "UPDATE" in query["sql"]]
    request.session = SessionStore(key)
    logout(request)
    assert keys(nginx) == [key_of(configuration().site, "session", key)]


def test_a_session_that_is_deleted_meanwhile_has_no_grant(
    nginx: Origin, client: Client, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    request = asked(client)
    request.session.create()

    def save(session: SessionStore) -> None:
        monkeypatch.undo()
        Session.objects.all().delete()
        session.save()

    monkeypatch.setattr(SessionStore, "save", save)
    assert "Xaccel-Grant-For" not in send_file(request, "x", origin="documents", grant=30)


def test_a_log_out_goes_on_if_an_nginx_does_not_take_it(nginx: Origin, client: Client, ada: Any) -> None:
    nginx.answer = lambda _: Answer(status=404)
    request = asked(client, ada)
    logout(request)
    assert request.session.session_key is None


def test_a_user_a_session_or_a_tag_is_revoked(nginx: Origin, client: Client, ada: Any) -> None:
    client.force_login(ada)
    site, session = configuration().site, client.session
    revoke(user=ada)
    revoke(user=ada.pk)
    revoke(session=session)
    revoke(tag="film-7")
    user = key_of(site, "user", str(ada.pk))
    of_session = key_of(site, "session", str(session.session_key))
    assert keys(nginx) == [user, user, of_session, key_of(site, "tag", "film-7")]


def test_a_revocation_that_fails_names_the_nginx(nginx: Origin) -> None:
    nginx.answer = lambda _: Answer(status=404)
    with pytest.raises(RevocationFailed, match=rf"did not reach {nginx.url} \(status 404\)"):
        revoke(tag="film-7")


def test_a_revocation_waits_while_old_marks_are_removed(nginx: Origin) -> None:
    statuses = iter([503] * 3)
    nginx.answer = lambda _: Answer(status=next(statuses, 200), body=b"revoked")
    revoke(tag="film-7")
    assert len(nginx.requests) == 4


def test_an_nginx_that_cannot_store_a_revocation_says_why(nginx: Origin) -> None:
    nginx.answer = lambda _: Answer(status=507)
    with pytest.raises(
        RevocationFailed, match="its folder is full, has no inodes left, or belongs to another"
    ):
        revoke(tag="film-7")


def test_the_command_repeats_until_the_nginx_has_it(
    nginx: Origin, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses = iter([404] * 3)
    nginx.answer = lambda _: Answer(status=next(statuses, 200), body=b"revoked")
    call_command("xaccel", "revoke", "--user", "17")
    said = capsys.readouterr()
    assert said.out == "revoked on every NGINX\n"
    assert f"did not reach {nginx.url} (status 404). It is repeated until its grants end" in said.err
    assert len(nginx.requests) == 4


def test_the_command_fails_when_the_grants_have_ended_and_names_the_nginx(
    nginx: Origin, settings: Any
) -> None:
    named = {**settings.XACCEL["GRANTS"], "max_grant": 1}
    settings.XACCEL = {**settings.XACCEL, "GRANTS": named}
    nginx.answer = lambda _: Answer(status=404)
    with pytest.raises(
        CommandError, match=rf"did not reach {nginx.url} \(status 404\)\. Its grants have ended"
    ):
        call_command("xaccel", "revoke", "--user", "17")


def test_a_log_out_without_grants_does_nothing(client: Client, ada: Any) -> None:
    request = asked(client, ada)
    logout(request)
    assert request.session.session_key is None


@pytest.mark.parametrize("is_async", [False, True], ids=["wsgi", "asgi"])
def test_the_url_of_each_object_of_a_granted_folder_is_signed_for_nginx_alone(
    settings: Any, client: Client, async_client: AsyncClient, ada: Any, is_async: bool
) -> None:
    named = {"app": "127.0.0.1:8000", "paths": ["/files/"], "folders": ["/files/*/"]}
    settings.XACCEL = {**settings.XACCEL, "GRANTS": named}
    request = asked(client, ada)
    request.META[f"HTTP_{SCOPE_HEADER.upper().replace('-', '_')}"] = "*/files/7/ s1.ts"
    send = async_to_sync(asend_file) if is_async else send_file
    granted = send(request, "film/s1.ts", origin="documents", grant=30, grant_folder="film/")
    assert granted["Xaccel-Grant-Place"] == "/_xaccel/documents/sign"
    path = f"/_xaccel/.sign{granted['Xaccel-Grant-Url']}s2.ts"
    get = async_to_sync(async_client.get) if is_async else client.get
    signed = get(path, headers={TOKEN_HEADER: nginx_token(configuration().site.secrets[0])})
    assert (signed.status_code, signed["X-Accel-Expires"]) == (200, "300")
    assert "/tenant-a/film/s2.ts?" in signed["Xaccel-Url"]
    assert get(path).status_code == 404
    assert "Xaccel-Url" not in get(path)

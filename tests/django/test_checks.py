"""System checks: each id is stable, documented and seen."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.files.storage import FileSystemStorage

import xaccel.django
from tests.django.library.models import Document
from xaccel.django import HandOffMiddleware, checks


class OwnMiddleware(HandOffMiddleware):
    """A project may extend it."""


class Decrypting(FileSystemStorage):
    """Its files are not the stored bytes."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        raise NotImplementedError


class KeptDirectory(FileSystemStorage):
    """Django keeps the directory of the first request."""

    base_location = property(lambda _: "/srv")  # type: ignore[assignment]


class SameBytes(Decrypting):
    xaccel_reads_stored_object = True


def found() -> list[str]:
    """The ids that `manage.py check` shows."""
    messages = run_checks(tags=["xaccel"])
    assert all(message.hint for message in messages)
    return [str(message.id) for message in messages]


def test_settings_of_these_tests_pass() -> None:
    assert found() == []


@pytest.mark.django_db  # Django's own checks may ask the database what it supports
def test_checks_run_with_all_others() -> None:
    assert [message for message in run_checks() if str(message.id).startswith("xaccel.")] == []


def test_E001_is_one_message_for_each_problem(settings: Any) -> None:
    settings.XACCEL = {"ORIGINS": {"a": {"type": "x"}, "b": {"type": "y"}}, "DELIVERY": "z"}
    assert found() == ["xaccel.E001"] * 3


def test_E001_names_a_key_in_two_spellings(site: Any) -> None:
    site(NAME="a", name="b", delivery="nginx", DELIVERY="nginx")
    assert [message.msg for message in run_checks(tags=["xaccel"])] == [
        "XACCEL: 'NAME' and 'name' are the same setting.",
        "XACCEL: 'delivery' and 'DELIVERY' are the same setting.",
    ]


def test_E002_middleware_is_missing(settings: Any) -> None:
    settings.MIDDLEWARE = settings.MIDDLEWARE[1:]
    assert found() == ["xaccel.E002"]


def test_W007_each_response_sets_a_cookie_although_nginx_may_remember_some(settings: Any, site: Any) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    assert found() == []
    site(GRANTS={"app": "127.0.0.1:8000", "paths": ["/files/"]})
    assert found() == ["xaccel.W007"]


@pytest.mark.parametrize(
    ("cls", "says"),
    [
        (Decrypting, "Decrypting overrides _open"),
        (KeptDirectory, "KeptDirectory computes base_location, and the location of its first request"),
    ],
)
def test_W008_names_a_storage_that_send_file_refuses(settings: Any, cls: type[Any], says: str) -> None:
    path = f"{__name__}.{cls.__name__}"
    settings.STORAGES = {**settings.STORAGES, "a": {"BACKEND": path}, "b": {"BACKEND": path}}
    [message] = run_checks(tags=["xaccel"])
    assert (message.id, message.is_serious()) == ("xaccel.W008", False)
    assert says in message.msg
    assert 'the files of STORAGES["a"], STORAGES["b"].' in message.msg
    settings.STORAGES = {**settings.STORAGES, "a": {"BACKEND": f"{__name__}.SameBytes"}}
    settings.STORAGES.pop("b")
    assert found() == []


def test_W008_names_the_fields_of_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Document._meta.get_field("file"), "storage", Decrypting())
    [message] = run_checks(tags=["xaccel"])
    assert "the files of library.Document.file." in message.msg


def test_E009_sessions_in_signed_cookies_have_no_grants(settings: Any, site: Any) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert found() == []
    grants = {"app": "127.0.0.1:8000", "paths": ["/files/"]}
    site(GRANTS=grants)
    assert found() == ["xaccel.E009"]
    site(GRANTS={**grants, "cookie": "files_session"})
    assert found() == []


def test_W009_grants_name_another_cookie_than_the_sessions_have(settings: Any, site: Any) -> None:
    settings.SESSION_COOKIE_NAME = "acme_session"
    assert found() == []
    grants = {"app": "127.0.0.1:8000", "paths": ["/files/"]}
    site(GRANTS=grants)
    [message] = run_checks(tags=["xaccel"])
    assert (message.id, message.is_serious()) == ("xaccel.W009", False)
    assert "the cookie 'sessionid', and SESSION_COOKIE_NAME is 'acme_session'" in message.msg
    site(GRANTS={**grants, "cookie": "acme_session"})
    assert found() == []


def test_W006_middleware_is_not_first(settings: Any, site: Any) -> None:
    """A warning: a plugin system appends its middleware, and its commands must run."""
    site(RESPONSE_HEADERS=[])  # for which W003 asks only where they would help
    settings.SECURE_HSTS_SECONDS = 60
    settings.MIDDLEWARE = [SECURITY, "corsheaders.middleware.CorsMiddleware", *settings.MIDDLEWARE]
    [message] = run_checks(tags=["xaccel"])
    assert (message.id, message.is_serious()) == ("xaccel.W006", False)
    names = "Strict-Transport-Security, Access-Control-Allow-Origin, Vary, Referrer-Policy, Cross-Origin-Opener-Policy."
    assert message.msg.endswith(f"CorsMiddleware. Downloads lack the headers that these set: {names}")
    settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware", *settings.MIDDLEWARE[2:]]
    [message] = run_checks(tags=["xaccel"])
    assert message.msg.endswith("CommonMiddleware. Downloads lack the headers that these set.")


@pytest.mark.parametrize("path", [f"{__name__}.OwnMiddleware", "xaccel.django.middleware.HandOffMiddleware"])
def test_subclass_and_long_path_are_the_middleware(settings: Any, path: str) -> None:
    settings.MIDDLEWARE = [path, "nowhere.Middleware"]
    assert found() == []


def test_E004_stream_without_debug(site: Any) -> None:
    site(DELIVERY="stream")
    assert found() == ["xaccel.E004"]


def test_stream_is_right_with_debug(settings: Any, site: Any) -> None:
    settings.DEBUG = True
    site(DELIVERY="stream")
    assert found() == []


def test_stream_is_right_where_only_the_test_runner_switched_debug_off(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`manage.py test` runs the checks after it set DEBUG to False."""
    monkeypatch.setattr(apps.get_app_config("xaccel"), "debug_at_start", True)
    site(DELIVERY="stream")
    assert found() == []


def test_E007_botocore_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found() == []
    # None is how Python's import system marks a module that is not there.
    monkeypatch.setitem(sys.modules, "botocore", None)
    assert found() == ["xaccel.E007"]


def test_E008_layouts_are_in_the_memory_of_one_process(
    site: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("xaccel.django.archives.under_test", lambda: False)
    assert found() == []
    site(ARCHIVES={"app": "unix:/run/app.sock"})
    assert found() == ["xaccel.E008"]
    site(ARCHIVES={"app": "unix:/run/app.sock", "layouts": str(tmp_path)})
    assert found() == []


def test_W001_alias_that_gives_no_origin(settings: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "memory": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    settings.XACCEL = {}
    assert found() == ["xaccel.W001"]


def test_W002_origin_in_a_published_folder(settings: Any, site: Any) -> None:
    settings.MEDIA_URL = "/media/"
    assert found() == ["xaccel.W002"]
    site(ORIGINS={"disk": {"type": "local", "root": settings.MEDIA_ROOT + "/private"}})
    assert found() == ["xaccel.W002"]
    site(ORIGINS={"disk": {"type": "local", "root": settings.MEDIA_ROOT + "-private"}})
    assert found() == []


SECURITY = "django.middleware.security.SecurityMiddleware"
HSTS = ["Strict-Transport-Security", "max-age=60"]
CORS = [f"Access-Control-{each}" for each in ("Allow-Origin", "Allow-Credentials", "Expose-Headers")]
OTHERS = ["Referrer-Policy", "Cross-Origin-Opener-Policy", "X-Frame-Options"]


@pytest.mark.parametrize(
    ("keys", "lost", "lost_in_production"),
    [
        ({"RESPONSE_HEADERS": ["vary"]}, [", ".join(["Strict-Transport-Security", *CORS])], OTHERS),
        (
            {"RESPONSE_HEADERS": ["x-frame-options", *CORS[:2]], "ADD_HEADERS": [HSTS]},
            ["Access-Control-Expose-Headers, Vary"],
            OTHERS[:2],
        ),
        ({"RESPONSE_HEADERS": ["strict-transport-security", "vary", *map(str.lower, CORS), *OTHERS]}, [], []),
    ],
)
def test_W003_headers_of_middleware_that_downloads_lack(
    settings: Any, site: Any, keys: dict[str, Any], lost: list[str], lost_in_production: list[str]
) -> None:
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        SECURITY,
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "corsheaders.middleware.CorsMiddleware",
    ]
    settings.SECURE_HSTS_SECONDS = 60
    settings.CORS_ALLOW_CREDENTIALS, settings.CORS_EXPOSE_HEADERS = True, ["Content-Disposition"]
    site(**keys)
    assert found() == ["xaccel.W003"] * len(lost)
    expected = [*lost, *([", ".join(lost_in_production)] if lost_in_production else [])]
    messages = run_checks(tags=["xaccel"], include_deployment_checks=True)
    messages = [message for message in messages if message.id == "xaccel.W003"]
    assert [str(message.msg).split(" without ")[1].split(", which")[0] for message in messages] == expected
    frames = [str(message.hint) for message in messages if "X-Frame-Options" in str(message.msg)]
    assert all("@xframe_options_sameorigin" in hint for hint in frames)


def test_W003_names_no_header_that_the_settings_switch_off(settings: Any, site: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "corsheaders.middleware.CorsMiddleware"]
    site(RESPONSE_HEADERS=["Access-Control-Allow-Origin", "Vary"])
    assert found() == []


def test_every_id_is_in_the_table_and_has_a_test() -> None:
    source = "".join(path.read_text() for path in Path(xaccel.django.__file__).parent.rglob("*.py"))
    used = set(re.findall(r'"([EW]\d{3})"', source))
    tested = set(re.findall(r"def test_([EW]\d{3})_", Path(__file__).read_text()))
    assert used == tested == set(checks.CHECKS)


def test_E001_names_the_keys_that_only_django_has(settings: Any) -> None:
    settings.XACCEL = {**settings.XACCEL, "DELIVRY": "stream"}
    [message] = run_checks(tags=["xaccel"])
    assert message.id == "xaccel.E001"
    assert {"DELIVERY", "TRANSFER_LOG"} <= set(re.findall("[A-Z_]+", str(message.hint)))

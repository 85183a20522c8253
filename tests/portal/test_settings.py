"""Settings from environment variables."""

from __future__ import annotations

import runpy
from importlib import import_module
from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

import portal.settings
from portal.settings import add_extra, postgresql, sqlite


def test_no_url_is_sqlite_in_the_data_folder(tmp_path):
    database = sqlite(tmp_path / "new")
    assert database["NAME"] == tmp_path / "new" / "portal.sqlite3"
    assert database["NAME"].stat().st_mode & 0o777 == 0o600


def test_mode_of_a_database_that_exists_is_kept(tmp_path):
    (tmp_path / "portal.sqlite3").touch(mode=0o640)
    assert sqlite(tmp_path)["NAME"].stat().st_mode & 0o777 == 0o640


def test_postgresql_url_is_decoded():
    database = postgresql("postgresql://mei:p%40ss%2F@db.example:5433/the%20portal?sslmode=require")
    assert database["ENGINE"] == "django.db.backends.postgresql"
    parts = [database[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")]
    assert parts == ["the portal", "mei", "p@ss/", "db.example", 5433, {"sslmode": "require"}]


@pytest.mark.parametrize(
    "url", ["mysql://host/name", "postgresql://host/", "postgresql://u:p@host:port/n", "portal.sqlite3"]
)
def test_other_database_is_refused(url):
    with pytest.raises(ImproperlyConfigured, match="PORTAL_DATABASE_URL"):
        postgresql(url)


def test_each_error_of_a_download_has_a_page(tmp_path, monkeypatch):
    monkeypatch.setenv("PORTAL_ERROR_PAGES", str(tmp_path))
    pages = runpy.run_path(portal.settings.__file__)["XACCEL"]["ERROR_PAGES"]
    call_command("error_pages", tmp_path)
    assert pages.keys() == {404, 412, 416, 429, 502, 503, 504}
    assert all(f'<p class="code">{status}</p>' in Path(page).read_text() for status, page in pages.items())


def test_extra_adds_origins_and_replaces_the_rest():
    extra = '{"ORIGINS": {"disk": {"type": "local", "root": "/srv"}}, "TRANSFER_LOG": "x.log"}'
    xaccel = add_extra(
        {"ORIGINS": {"documents": {}}, "TRANSFER_LOG": "first.log", "DELIVERY": "nginx"}, extra
    )
    assert set(xaccel["ORIGINS"]) == {"documents", "disk"}
    assert (xaccel["TRANSFER_LOG"], xaccel["DELIVERY"]) == ("x.log", "nginx")


@pytest.mark.parametrize("extra", ["{", "[]", '{"ORIGINS": []}'])
def test_bad_extra_is_refused(extra):
    with pytest.raises(ImproperlyConfigured, match="PORTAL_XACCEL_EXTRA"):
        add_extra({}, extra)


def test_quick_password_hash_is_the_demos_alone():
    quick = import_module("portal.demo.django_settings").PASSWORD_HASHERS
    assert quick == ["portal.demo.django_settings.DemoPasswordHasher"]
    assert not hasattr(import_module("portal.settings"), "PASSWORD_HASHERS")
    assert (
        import_module("portal.demo.django_settings")
        .DemoPasswordHasher()
        .verify("from an earlier demo", PBKDF2PasswordHasher().encode("from an earlier demo", "salt"))
    )

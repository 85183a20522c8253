"""settings.XACCEL: the origins, the secret, and every problem at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.test import RequestFactory
from storages.backends.s3 import S3Storage

from xaccel import ConfigErrors, LocalOrigin, S3Origin
from xaccel.django import send_file
from xaccel.django.conf import configuration, derived_secrets

PARTNER = {"partner": {"type": "http", "base_url": "https://p.example/"}}


def problems() -> list[str]:
    """What is wrong, as "where: what"."""
    with pytest.raises(ConfigErrors) as raised:
        configuration()
    return [f"{problem.where}: {problem.what}" for problem in raised.value.problems]


def test_secret_is_derived_from_the_secret_key() -> None:
    (secret,) = configuration().site.secrets
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", secret)
    assert send_file(RequestFactory().get("/"), "a", origin="documents")["Xaccel-Auth"] == secret


def test_secret_is_another_for_another_key_or_site(settings: Any, site: Any) -> None:
    found = [configuration().site.secrets]
    settings.SECRET_KEY = "another-key-0123456789-0123456789-0123456789-01234"
    found.append(configuration().site.secrets)
    site(NAME="two")
    found.append(configuration().site.secrets)
    assert len(set(found)) == 3


def test_old_key_gives_the_second_secret(settings: Any) -> None:
    before = configuration().site.secrets
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY, "older-still"]
    settings.SECRET_KEY = "another-key-0123456789-0123456789-0123456789-01234"
    first, second = configuration().site.secrets
    assert (second,) == before
    assert send_file(RequestFactory().get("/"), "a", origin="documents")["Xaccel-Auth"] == first


@pytest.mark.parametrize("keys", [{"SECRET": "s" * 32}, {"secret": "s" * 32}, {"SECRET": ["s" * 32]}])
def test_secret_of_the_settings_is_taken(settings: Any, keys: Any) -> None:
    settings.XACCEL = {"ORIGINS": PARTNER, **keys}
    assert configuration().site.secrets == ("s" * 32,)


def test_origin_may_name_a_storage_and_add_to_it(site: Any) -> None:
    site(ORIGINS={"documents": {"storage": "bucket", "expires_s": 30, "connect_to": ["10.0.0.5:9000"]}})
    origin = configuration().site.origins["documents"]
    assert isinstance(origin, S3Origin)
    assert (origin.bucket, origin.prefix, origin.expires_s) == ("acme-documents", "tenant-a/", 30)
    assert origin.connect_to == ("10.0.0.5:9000",)


class FilerStorage(FileSystemStorage):
    """A storage of an application with its own setting for storages, such as FILER_STORAGES."""

    def __init__(self, location: str = "/srv/filer") -> None:
        super().__init__(location)


private = FilerStorage("/srv/private")


def make_storage() -> FilerStorage:
    return FilerStorage("/srv/made")


@pytest.mark.parametrize(
    ("storage", "root"),
    [
        (f"{__name__}.FilerStorage", "/srv/filer"),
        (f"{__name__}.private", "/srv/private"),
        (f"{__name__}.make_storage", "/srv/made"),
        (private, "/srv/private"),
        (FilerStorage, "/srv/filer"),
        (default_storage, None),
        ("default", None),
    ],
)
def test_origin_may_name_a_storage_that_has_no_alias(
    settings: Any, site: Any, storage: Any, root: Any
) -> None:
    site(ORIGINS={"files": {"storage": storage}})
    assert configuration().site.origins == {"files": LocalOrigin(root=root or settings.MEDIA_ROOT)}
    response = send_file(RequestFactory().get("/"), "a.txt", origin="files")
    assert response["X-Accel-Redirect"] == "/_xaccel/files/a.txt"


def test_a_storage_without_alias_signs_keys_of_its_origin(settings: Any, site: Any) -> None:
    storage = S3Storage(**settings.STORAGES["bucket"]["OPTIONS"])
    site(ORIGINS={"files": {"storage": storage}})
    url = send_file(RequestFactory().get("/"), "a.txt", origin="files")["Xaccel-Url"]
    assert url.startswith("https://acme-documents.s3.eu-central-1.amazonaws.com/tenant-a/a.txt?")
    assert "AKIASTORAGE" in url


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ("nowhere", "Could not find config for 'nowhere'"),
        ("no.such.module", "No module named 'no'"),
        (f"{__name__}.nothing", "does not define"),
        (f"{__name__}.PARTNER", "it is not a storage of Django"),
        (7, "it is not a storage of Django"),
    ],
)
def test_what_is_no_storage_is_named(site: Any, storage: Any, reason: str) -> None:
    site(ORIGINS={"files": {"storage": storage}})
    [said] = problems()
    assert said.startswith(f'XACCEL["ORIGINS"]["files"]["storage"]: the storage {storage!r} cannot be made (')
    assert reason in said


def test_a_default_storage_that_cannot_be_made_is_named(site: Any, settings: Any) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "no.such.Storage"}}
    site(ORIGINS={"files": {"storage": "django.core.files.storage.default_storage"}})
    [said] = problems()
    assert "cannot be made (" in said


def test_a_file_may_have_the_site_of_a_project(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label Studio and others read their settings from the environment."""
    file = tmp_path / "site.toml"
    file.write_text('delivery = "stream"\n[origins.files]\nstorage = "default"\n')
    monkeypatch.setenv("XACCEL_SITE", str(file))
    del settings.XACCEL
    found = configuration()
    assert (found.delivery, found.site.origins) == (
        "stream",
        {"files": LocalOrigin(root=settings.MEDIA_ROOT)},
    )
    assert found.site.secrets == tuple(derived_secrets(""))
    settings.XACCEL = {"ORIGINS": PARTNER}
    assert set(configuration().site.origins) == {"partner"}, "the setting comes first"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", ": it cannot be read"),
        ("[]", ": [] is not a mapping"),
        ('{"origins": {"files": {"storage": "nowhere"}}}', '["ORIGINS"]["files"]["storage"]: the storage'),
        ('{"dlivery": "stream"}', ": 'DLIVERY' is not a setting"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_with_its_path(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    del settings.XACCEL
    file = tmp_path / "site.json"
    file.write_text(text)
    monkeypatch.setenv("XACCEL_SITE", str(file))
    [found] = problems()
    assert found.startswith(f"{file}{said}")


@pytest.mark.parametrize("given", [{}, {"RESPONSE_HEADERS": []}, None])
def test_without_origins_they_come_from_storages(settings: Any, given: Any) -> None:
    if given is None:
        del settings.XACCEL
    else:
        settings.XACCEL = given
    origins = configuration().site.origins
    assert set(origins) == {"default", "bucket"}
    assert origins["default"] == LocalOrigin(root=settings.MEDIA_ROOT)


def test_storage_that_cannot_be_read_is_left_out_where_origins_come_from_storages(settings: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "memory": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "broken": {"BACKEND": "nowhere.Storage"},
    }
    settings.XACCEL = {}
    conf = configuration()
    assert set(conf.site.origins) == {"default", "bucket"}
    assert [problem.where for problem in conf.skipped] == ['STORAGES["memory"]', 'STORAGES["broken"]']


def test_all_problems_are_reported_together(settings: Any) -> None:
    settings.XACCEL = {
        "ORIGINS": {
            "a": {"storage": "nowhere"},
            "b": {"storage": "bucket", "type": "s3"},
            "c": {"storage": "bucket", "expires": 5},
            "d": {"type": "local", "root": "relative"},
        },
        "DELIVERY": "carrier pigeon",
        "SECRET": "short",
        "TYPO": 1,
    }
    found = "\n".join(problems())
    for part in ('["a"]', '["b"]', '["c"]', '["d"]', '["DELIVERY"]', '["SECRET"]', "TYPO"):
        assert part in found


@pytest.mark.parametrize("given", [7, [], {"ORIGINS": {}}, {"ORIGINS": 7}, {"ORIGINS": {"a": 7}}])
def test_setting_of_another_shape_is_one_problem(settings: Any, given: Any) -> None:
    settings.XACCEL = given
    assert len(problems()) == 1


def test_secrets_are_in_no_message_and_no_repr(site: Any) -> None:
    site(ORIGINS={"documents": {"storage": "bucket", "endpoint_url": "ftp://x"}})
    assert "storage-secret" not in "\n".join(problems())
    site(ORIGINS={"documents": {"storage": "bucket"}})
    assert "storage-secret" not in repr(configuration())
    assert configuration().site.secrets[0] not in repr(configuration())

"""xaccel.django.sendfile: the settings of django-sendfile2, as far as they reach. Its results: tests/migration."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django.urls import path

from xaccel.django import checks
from xaccel.django.conf import configuration
from xaccel.django.files.sendfile_root import SWITCH
from xaccel.django.sendfile import sendfile
from xaccel.errors import ConfigError, ConfigErrors, OriginNotAllowed
from xaccel.testing import assert_hand_off

urlpatterns = [path("", lambda request: HttpResponse())]


@pytest.fixture
def root(settings: Any, tmp_path: Path) -> Path:
    """SENDFILE_ROOT, with one file."""
    settings.SENDFILE_BACKEND = "xaccel.django"
    settings.SENDFILE_ROOT = tmp_path / "protected"
    (tmp_path / "protected").mkdir()
    (tmp_path / "protected" / "report.pdf").write_bytes(b"%PDF-")
    return tmp_path / "protected"


def send(filename: Any = "report.pdf", *arguments: Any, **more: Any) -> Any:
    return sendfile(RequestFactory().get("/send/42"), filename, *arguments, **more)


def directory(place: Path) -> dict[str, Any]:
    return {"type": "local", "root": str(place)}


def test_the_root_is_an_origin_of_its_own_where_none_holds_it(root: Path) -> None:
    assert configuration().site.origins["sendfile"].root == str(root)
    assert_hand_off(send(), origin="sendfile", key="report.pdf", filename="report.pdf", as_attachment=False)
    assert_hand_off(send(root / "report.pdf"), origin="sendfile", key="report.pdf")


@pytest.mark.parametrize("key", ["own", "OWN"])
def test_the_root_is_found_in_a_directory_of_the_site(root: Path, site: Any, key: str) -> None:
    entry = directory(root.parent)
    site(ORIGINS={"files": entry if key == "OWN" else {name.lower(): value for name, value in entry.items()}})
    assert list(configuration().site.origins) == ["files"]
    assert_hand_off(send(), origin="files", key="protected/report.pdf")


def test_the_nearest_directory_holds_the_root(root: Path, site: Any) -> None:
    site(ORIGINS={"files": directory(root.parent), "near": directory(root)})
    assert_hand_off(send(), origin="near", key="report.pdf")


def test_the_root_is_found_in_a_storage(root: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = str(root.parent)
    settings.STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    settings.XACCEL = {}
    assert_hand_off(send(), origin="default", key="protected/report.pdf")


def test_without_the_switch_nothing_is_added(root: Path, settings: Any, site: Any) -> None:
    settings.SENDFILE_BACKEND = "django_sendfile.backends.nginx"
    assert "sendfile" not in configuration().site.origins
    with pytest.raises(OriginNotAllowed, match=r'Set SENDFILE_BACKEND = "xaccel\.django"'):
        send()
    site(ORIGINS={"files": directory(root)})
    assert_hand_off(send(), origin="files", key="report.pdf")


def test_a_setting_that_a_test_changes_is_read_again(root: Path, settings: Any, tmp_path: Path) -> None:
    assert "sendfile" in configuration().site.origins
    settings.SENDFILE_ROOT = tmp_path
    assert configuration().site.origins["sendfile"].root == str(tmp_path)
    settings.SENDFILE_BACKEND = "django_sendfile.backends.nginx"
    assert "sendfile" not in configuration().site.origins


@pytest.mark.parametrize("wrong", [None, "", "protected", Path("protected")])
def test_a_root_that_is_no_absolute_path_is_a_problem_of_the_settings(
    root: Path, settings: Any, wrong: Any
) -> None:
    settings.SENDFILE_ROOT = wrong
    with pytest.raises(ConfigErrors) as told:
        configuration()
    assert [problem.where for problem in told.value.problems] == ["SENDFILE_ROOT"]
    assert [message.id for message in checks.check_configuration()] == ["xaccel.E001"]


def test_an_origin_of_the_same_name_elsewhere_is_a_problem(root: Path, site: Any, tmp_path: Path) -> None:
    site(ORIGINS={"sendfile": directory(tmp_path / "other")})
    with pytest.raises(ConfigErrors, match="another place than SENDFILE_ROOT"):
        configuration()


@pytest.mark.parametrize("backend", ["xsendfile", "mod_wsgi", "simple", "development"])
def test_another_way_of_sending_is_an_error_and_a_check(root: Path, settings: Any, backend: str) -> None:
    settings.SENDFILE_BACKEND = f"django_sendfile.backends.{backend}"
    with pytest.raises(ConfigError, match=r"SENDFILE_BACKEND: .* is not how xaccel sends files"):
        send()
    assert [message.id for message in checks.check_sendfile()] == ["xaccel.E008"]


def test_the_check_is_silent_where_all_is_well(root: Path, settings: Any) -> None:
    assert checks.check_sendfile() == []
    del settings.SENDFILE_BACKEND
    assert checks.check_sendfile() == []


def test_the_check_loads_the_views_and_leaves_their_errors_to_django(root: Path, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.django.nowhere"
    assert checks.check_sendfile() == []


@pytest.mark.parametrize("filename", ["../outside.txt", ".", "", "/etc/hostname", "a/../../x"])
def test_a_path_outside_is_404(root: Path, filename: str) -> None:
    (root.parent / "outside.txt").write_bytes(b"")
    with pytest.raises(Http404):
        send(filename)


def test_a_directory_beside_with_the_same_beginning_is_outside(root: Path) -> None:
    (root.parent / "protected-not").mkdir()
    (root.parent / "protected-not" / "x.pdf").write_bytes(b"")
    with pytest.raises(Http404):
        send("../protected-not/x.pdf")


def test_a_missing_file_is_404_unless_nobody_shall_look(root: Path, settings: Any) -> None:
    with pytest.raises(Http404):
        send("missing.pdf")
    settings.SENDFILE_CHECK_FILE_EXISTS = False
    assert_hand_off(send("missing.pdf"), key="missing.pdf")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((True,), {"as_attachment": True, "filename": "report.pdf"}),
        ((True, "Minutes.pdf"), {"as_attachment": True, "filename": "Minutes.pdf"}),
        ((True, False), {"as_attachment": True, "filename": "42.pdf"}),
        ((False, ""), {"as_attachment": False, "filename": "42.pdf"}),
        ((False, None, "text/x-log"), {"content_type": "text/x-log"}),
        ((False, None, None, "gzip"), {"content_type": "application/pdf"}),
    ],
)
def test_arguments_by_position_mean_what_theirs_do(root: Path, arguments: Any, expected: Any) -> None:
    assert_hand_off(send("report.pdf", *arguments), **expected)


def test_a_length_is_told_to_the_line(root: Path) -> None:
    assert send(content_length=5)["Xaccel-Size"] == "5"


def test_an_import_that_was_forgotten_is_an_error_and_no_broken_download() -> None:
    # django-sendfile2 calls what its backend's module has under this name
    assert not callable(getattr(import_module(SWITCH), "sendfile", None))


def test_development_without_nginx_streams(root: Path, site: Any) -> None:
    site(DELIVERY="stream")
    assert b"".join(send()) == b"%PDF-"

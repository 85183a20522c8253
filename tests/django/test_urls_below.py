"""Whether a project has URLs below a path of UPLOADS."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.http import HttpResponse
from django.urls import include, path, re_path

from xaccel.django.urls_below import leads_below


def view(*_: Any, **__: Any) -> HttpResponse:
    return HttpResponse()


API = [path("files/<int:pk>/", view), re_path(r"^old-files?/(?P<name>.+)$", view)]


@pytest.mark.parametrize(
    ("urls", "there", "missing"),
    [
        ([path("files/<name>", view)], "/files/", "/uploads/"),
        ([path("v2/files/<name>", view)], "/v2/files/", "/v1/files/"),
        ([path("api/", include(API))], "/api/files/", "/api/other/"),
        ([re_path("^api/", include(API))], "/api/old-files/", "/api/older-files/"),
        ([re_path("^api/", include(API))], "/api/old-file/", "/ap/"),
        ([re_path(r"^f\.iles/x$", view)], "/f.iles/", "/files/"),
        ([path("projects/<slug:name>/files/", view)], "/projects/", "/project/"),
        ([path("projects/<slug:name>/files/", view)], "/projects/one/files/", "/files/one/"),
        ([path("files/", view)], "/app/files/", "/files/app/"),
        (i18n_patterns(path("files/<name>", view)), "/de/files/", "/de/uploads/"),
        ([path("<path:everything>", view)], "/files/", ""),
        ([path("", view), path("files", view)], "", "/files/"),
    ],
)
def test_a_path_without_urls_is_found(settings: Any, urls: list[Any], there: str, missing: str) -> None:
    module = ModuleType("urls")
    module.urlpatterns = urls  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = module
    assert not there or leads_below(there)
    assert not missing or not leads_below(missing)

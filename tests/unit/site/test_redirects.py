"""Which redirects a site may follow: named paths, one bucket each, and servers only if the operator says so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.site.mappings import DISK, SECRET, told
from xaccel.site import read_mapping

KEYS = {"access_key": "a", "secret_key": "s", "region": "us-east-1", "endpoint_url": "https://s3.example"}
ORIGINS: dict[str, Any] = {
    **DISK,
    "documents": {"type": "s3", "bucket": "acme-documents", **KEYS},
    "tenants": {"type": "s3", "bucket": "acme-*", **KEYS},
    "partner": {"type": "http", "base_url": "https://files.example/"},
}
REDIRECTS = {"app": "127.0.0.1:3000", "paths": ["/files/"], "origins": ["documents"]}
WRONG = {
    "a directory": ({"origins": ["disk"]}, "origins"),
    "many buckets": ({"origins": ["tenants"]}, "origins"),
    "no origin": ({"origins": ["none"]}, "origins"),
    "a server without a signature": ({"origins": ["partner"]}, "origins"),
    "an origin that is not named": ({"allow_unsigned": ["partner"]}, "allow_unsigned"),
    "a path of uploads": ({"paths": ["/upload/"]}, "paths"),
    "a path of grants": ({"paths": ["/granted/"]}, "paths"),
    "all paths": ({"paths": ["/"]}, "paths"),
    "a header that NGINX decides": ({"subject": "Set-Cookie"}, "subject"),
    "a private header": ({"subject": "Xaccel-Subject"}, "subject"),
    "paths of no app": ({"app": ""}, "app"),
    "an app without paths": ({"paths": []}, "paths"),
    "another method": ({"head_signed_for": "POST"}, "head_signed_for"),
}
OTHERS = {
    "UPLOADS": {"app": "127.0.0.1:3000", "paths": ["/upload/"], "origins": ["documents"]},
    "GRANTS": {"app": "127.0.0.1:3000", "paths": ["/granted/"]},
}


def mapping(**redirects: Any) -> dict[str, Any]:
    return {"SECRET": SECRET, "ORIGINS": ORIGINS, **OTHERS, "REDIRECTS": {**REDIRECTS, **redirects}}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_followed_is_refused(case: str) -> None:
    changed, where = WRONG[case]
    assert told(mapping(**changed)) == [f'XACCEL["REDIRECTS"]["{where}"]']


def test_without_paths_nginx_follows_nothing() -> None:
    site = read_mapping.read({"SECRET": SECRET, "ORIGINS": ORIGINS, "REDIRECTS": {"origins": ["documents"]}})
    assert site.redirects is not None
    assert [*site.loopbacks] == []


def test_a_server_is_followed_if_the_operator_says_so() -> None:
    site = read_mapping.read(mapping(origins=["partner"], allow_unsigned=["partner"], subject="X-User"))
    assert site.redirects is not None
    assert (site.redirects.head_signed_for, [*site.loopbacks]) == ("GET", ["GRANTS", "REDIRECTS", "UPLOADS"])

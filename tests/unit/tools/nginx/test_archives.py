"""The assembler is generated only for a site with ARCHIVES, and only for an NGINX that assembles safely."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.live.config.golden import BUILDS, SITES, generated
from xaccel.errors import ConfigErrors, NginxError
from xaccel.site import Site, read_mapping
from xaccel.site.site import Archives
from xaccel.tools.nginx import Nginx, render
from xaccel.tools.nginx.digest import digest
from xaccel.tools.nginx.engine_files import contents

SITE = SITES["archives"]


def everything(site: Site, build: Nginx) -> str:
    return repr(render(site, build, folder="xaccel", lookup=lambda _: ("192.0.2.80:443",)))


def test_a_site_without_archives_has_nothing_of_them() -> None:
    """tests/golden has the rest: no line of another site changed."""
    without = replace(SITE, archives=None)
    assert "archives" not in everything(replace(without, concurrency={}), BUILDS["deb-njs"])
    assert digest(without) != digest(SITE)


@pytest.mark.parametrize(
    ("version", "package", "is_safe"),
    [
        ((1, 26, 3), "", False),
        ((1, 26, 3), "1.26.3-3+deb13u7", False),
        ((1, 26, 3), "1.26.3-3+deb13u8", True),
        ((1, 26, 3), "1.26.3-3+deb13u11", True),
        ((1, 30, 3), "", False),
        ((1, 30, 4), "", True),
        ((1, 31, 2), "", False),
        ((1, 31, 3), "", True),
    ],
)
def test_an_nginx_with_the_open_flaw_of_ssi_is_refused(
    version: tuple[int, int, int], package: str, is_safe: bool
) -> None:
    build = replace(BUILDS["deb"], version=version, package=package)
    everything(replace(SITE, archives=None), build)
    if is_safe:
        everything(SITE, build)
        return
    with pytest.raises(NginxError, match="CVE-2026-56434"):
        everything(SITE, build)


def test_objects_of_an_http_origin_need_njs_or_a_proof() -> None:
    def has_partner(site: Site, build: str) -> bool:
        return "/member/partner" in everything(site, BUILDS[build])

    proven = replace(SITE, archives=Archives(app="127.0.0.1:8000", proven=("partner",)))
    assert [has_partner(SITE, build) for build in ("deb", "deb-njs")] == [False, True]
    assert [has_partner(proven, build) for build in ("deb", "deb-njs")] == [True, True]


def test_the_tokens_of_both_secrets_are_accepted_and_only_a_secret_file_has_them() -> None:
    text = generated("archives", "deb")
    files = dict(part.split("\n", 1) for part in text.split("# ---- xaccel/")[1:])
    [tokens] = [line for line in files["site/secret-archives.conf"].splitlines() if "!~" in line]
    first, second = tokens.partition("(?:")[2].partition(")$")[0].split("|")
    for name, content in files.items():
        assert first not in content or "/secret" in name, name
        assert second not in content or "/secret" in name, name


def test_archives_have_a_class_by_default_and_a_name_that_no_origin_may_have() -> None:
    mapping = {
        "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
        "ORIGINS": {"media": {"type": "local", "root": "/srv"}},
        "ARCHIVES": {"app": "unix:/run/app.sock"},
    }
    assert read_mapping.read(mapping).concurrency == {"archives": 8}
    own = {**mapping, "CONCURRENCY": {"archives": 2, "default": 9}}
    assert read_mapping.read(own).concurrency == {"archives": 2, "default": 9}
    taken = {**mapping, "ORIGINS": {"archives": {"type": "local", "root": "/srv"}}}
    with pytest.raises(ConfigErrors, match="the name of the origin that assembles"):
        read_mapping.read(taken)
    for wrong in ("0.0.0.0:9399", "192.0.2.1:9399", "127.0.0.1", "localhost:9399"):
        with pytest.raises(ConfigErrors, match="listen"):
            read_mapping.read({**mapping, "ARCHIVES": {"app": "127.0.0.1:8000", "listen": wrong}})


def test_no_file_is_read_asynchronously_where_templates_are_filled() -> None:
    """CVE-2026-97205 of SSI needs asynchronous file I/O, and an operator may have it for all servers."""
    assert "\naio off; " in contents()["archives/assembler.conf"]

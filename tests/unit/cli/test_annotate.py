"""`xaccel config --annotate` names the setting behind each line, and changes no line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from portal.demo.expanded import parse
from tests.live.golden import BUCKET, BUILDS, DIRECTORY, PARTNER, PRIVATE_CA, SECRET, SITES
from xaccel import cli
from xaccel.cli.annotate import annotate
from xaccel.nginx import Nginx, files, render
from xaccel.site import Cache, Site
from xaccel.site.origins import Origin

EVERYTHING = SITES["everything"]
CACHE = EVERYTHING.cache
assert CACHE is not None


def generated(site: Site, nginx: Nginx) -> dict[str, str]:
    """The files of a site, by path below the folder."""
    parts = render(site, nginx, folder="xaccel", lookup=lambda server: (f"192.0.2.{len(server)}:443",))
    return files.generated(site, parts, "xaccel")


def annotated(site: Site, nginx: Nginx) -> dict[str, str]:
    """Each directive of a site with the settings behind it."""
    lines = "".join(annotate(site, generated(site, nginx)).values()).splitlines()
    found: dict[str, str] = {}
    for line in lines:
        if line.strip() and not line.lstrip().startswith("#"):
            directive, _, setting = line.strip().partition("  # ")
            found[directive] = f"{found.get(directive, '')} {setting}"
    return found


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("kind", SITES)
def test_the_configuration_stays_what_it_is(kind: str, build: str) -> None:
    shown = generated(SITES[kind], BUILDS[build])
    after = annotate(SITES[kind], shown)
    assert {name: parse(text) for name, text in after.items()} == {
        name: parse(text) for name, text in shown.items()
    }


def one(origin: Origin) -> Site:
    return Site(origins={"only": origin}, secrets=(SECRET,), resolver=("192.0.2.53",))


def changed_cache(**values: str | None) -> Site:
    return replace(EVERYTHING, cache=replace(CACHE, **values))  # type: ignore[arg-type,type-var]


CHANGES = [
    ("SECRET", EVERYTHING, replace(EVERYTHING, secrets=(SECRET,))),
    ("TRANSFER_LOG", EVERYTHING, replace(EVERYTHING, transfer_log="other.log")),
    ("ACCESS_LOGS", EVERYTHING, replace(EVERYTHING, access_logs=())),
    ("ACCESS_LOGS", EVERYTHING, replace(EVERYTHING, access_logs=("a.log combined",))),
    ("ADD_HEADERS", EVERYTHING, replace(EVERYTHING, add_headers=(("X-Own", "1"),))),
    ("RESPONSE_HEADERS", EVERYTHING, replace(EVERYTHING, response_headers=("X-Own",))),
    ("ERROR_PAGES", EVERYTHING, replace(EVERYTHING, error_pages={})),
    ("ERROR_PAGES", EVERYTHING, replace(EVERYTHING, error_pages={503: "/srv/503.html"})),
    ("RESOLVER", EVERYTHING, replace(EVERYTHING, resolver=("192.0.2.54",))),
    ("CONCURRENCY", EVERYTHING, replace(EVERYTHING, concurrency={})),
    ("CONCURRENCY", EVERYTHING, replace(EVERYTHING, concurrency={"default": 9, "others": 1})),
    ("LIMIT_RATE", EVERYTHING, replace(EVERYTHING, limit_rate=1)),
    ("LIMIT_RATE_AFTER", EVERYTHING, replace(EVERYTHING, limit_rate_after=0)),
    ("BUFFERS", EVERYTHING, replace(EVERYTHING, buffers="8 16k")),
    ("CACHE", EVERYTHING, replace(EVERYTHING, cache=None)),
    ("inactive", EVERYTHING, changed_cache(inactive="1h")),
    ("max_size", EVERYTHING, changed_cache(max_size="1g")),
    ("valid", EVERYTHING, changed_cache(valid="2h")),
    ("lock", EVERYTHING, changed_cache(lock="1s")),
    ("slice", EVERYTHING, changed_cache(slice="1m")),
    ("slice", EVERYTHING, changed_cache(slice="0")),
    ("BUFFERS", SITES["s3"], replace(SITES["s3"], buffers="16 32k")),
    ("ORIGINS.only", one(BUCKET), one(replace(BUCKET, bucket="other"))),
    ("endpoint_url", one(BUCKET), one(replace(BUCKET, endpoint_url="https://minio.example"))),
    ("addressing_style", one(BUCKET), one(replace(BUCKET, addressing_style="path"))),
    ("treat_403_as_404", one(BUCKET), one(replace(BUCKET, treat_403_as_404=True))),
    ("connect_to", one(BUCKET), one(replace(BUCKET, connect_to=("192.0.2.1:443", "192.0.2.2:443")))),
    ("ca_file", one(PRIVATE_CA), one(replace(PRIVATE_CA, ca_file="other.pem"))),
    ("verify_tls", one(PRIVATE_CA), one(replace(PRIVATE_CA, verify_tls=False))),
    (
        "client_certificate",
        one(PRIVATE_CA),
        one(replace(PRIVATE_CA, client_certificate=None, client_key=None)),
    ),
    ("redirect_hosts", one(PRIVATE_CA), one(replace(PRIVATE_CA, redirect_hosts=("cdn.example",)))),
    ("redirect_hosts", one(PRIVATE_CA), one(replace(PRIVATE_CA, redirect_hosts=("*.cdn.example",)))),
    ("base_url", one(PARTNER), one(replace(PARTNER, base_url="http://other.example/"))),
    ("request_headers", one(PARTNER), one(replace(PARTNER, request_headers={"X-Other": "1"}))),
    ("root", one(DIRECTORY), one(replace(DIRECTORY, root="/srv/other"))),
]


@pytest.mark.parametrize("build", ["deb", "wheel"])
@pytest.mark.parametrize(
    ("setting", "before", "after"), CHANGES, ids=[f"{n}-{row[0]}" for n, row in enumerate(CHANGES)]
)
def test_what_a_setting_changes_names_it(setting: str, before: Site, after: Site, build: str) -> None:
    one_way, other_way = annotated(before, BUILDS[build]), annotated(after, BUILDS[build])
    changed = {line: one_way[line] for line in one_way.keys() - other_way.keys()}
    changed |= {line: other_way[line] for line in other_way.keys() - one_way.keys()}
    assert changed or (setting, build) in {("slice", "wheel"), ("RESOLVER", "deb")}
    assert {
        line: found for line, found in changed.items() if setting not in found and "all settings" not in found
    } == {}


@pytest.mark.parametrize("build", [build for build in BUILDS if build != "deb"])
def test_what_nginx_changes_names_it(build: str) -> None:
    site = replace(EVERYTHING, cache=Cache(path="cache", slice="0"), add_headers=())
    one_way, other_way = annotated(site, BUILDS["deb"]), annotated(site, BUILDS[build])
    changed = {line: one_way[line] for line in one_way.keys() - other_way.keys()}
    changed |= {line: other_way[line] for line in other_way.keys() - one_way.keys()}
    addresses = re.compile(r"server |resolver |resolver_timeout ")
    assert changed
    assert [
        line for line, found in changed.items() if "this NGINX" not in found and not addresses.match(line)
    ] == []


def test_a_setting_that_is_named_is_one_of_the_site() -> None:
    """No line names an origin that the site does not have."""
    for build in BUILDS.values():
        for found in annotated(EVERYTHING, build).values():
            assert set(re.findall(r"ORIGINS\.([\w-]+)", found)) <= EVERYTHING.origins.keys()


SITE = f"""
SECRET = "{SECRET}"
RESOLVER = ["192.0.2.53"]

[ORIGINS.partner]
type = "http"
base_url = "http://files.partner.example/"
"""


@pytest.fixture
def site_file(tmp_path: Path) -> str:
    (tmp_path / "site.toml").write_text(SITE)
    return str(tmp_path / "site.toml")


def test_the_command_prints_the_settings(site_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["config", site_file, "--nginx-version", "1.31.3", "--annotate"]
    assert cli.main(command) == 0
    printed = capsys.readouterr().out
    assert (
        ' home=http://files.partner.example peer=http://xaccel_to_partner";  # ORIGINS.partner: base_url'
        in printed
    )


@pytest.mark.parametrize("other", [["--write", "out"], ["--check", "out"], ["--standalone"]], ids=str)
def test_it_is_refused_beside_what_it_would_not_change(
    site_file: str, capsys: pytest.CaptureFixture[str], other: list[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["config", site_file, "--nginx-version", "1.31.3", "--annotate", *other])
    assert "not allowed with argument --annotate" in capsys.readouterr().err

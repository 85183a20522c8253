"""The engine and the sites around it: their size, their order, and what the code says of them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from docs.generated import engine
from tests import counts
from tests.live.config.golden import BUCKET, BUILDS, SECRET, SITES
from xaccel import urls
from xaccel.errors import NginxError
from xaccel.handoff import headers
from xaccel.http_client import origin
from xaccel.site import Site
from xaccel.site.origins import S3Origin
from xaccel.tools.nginx import config_folder, engine_files
from xaccel.tools.nginx.digest import digest
from xaccel.tools.nginx.emit import phrase
from xaccel.tools.nginx.engine_files import FOLDER
from xaccel_testing.as_nginx import pages

CONF = sorted(FOLDER.rglob("*.conf"))
TEXTS = {str(path.relative_to(FOLDER)): path.read_text() for path in CONF}
WRITTEN = "".join(TEXTS.values())


def maps() -> list[tuple[str, str, str]]:
    """Source, variable and rows of every map."""
    one_line = re.findall(r'^map ("[^"]*"|\S+) (\$\w+) +\{(.*)\}', WRITTEN, re.MULTILINE)
    return one_line + re.findall(
        r'^map ("[^"]*"|\S+) (\$\w+) \{\n(.*?)\n\}', WRITTEN, re.MULTILINE | re.DOTALL
    )


def test_every_variable_of_a_transfer_is_worked_out_anew() -> None:
    """A map that NGINX remembers would keep a decision of another request of the same page (mirror, SSI)."""
    kept = {variable for source, variable, rows in maps() if "volatile" not in rows and source != '""'}
    assert kept == {"$xaccel_single_range", "$xaccel_client_method"}
    of_the_client = [source for source, variable, _ in maps() if variable in kept]
    assert sorted(of_the_client) == ["$http_range", "$request"]


def test_every_map_has_a_default() -> None:
    assert [variable for _, variable, rows in maps() if not re.search(r"\bdefault ", rows)] == []


def test_policies_are_those_of_the_development_server() -> None:
    rows = next(rows for _, variable, rows in maps() if variable == "$xaccel_type_csp")
    assert re.findall(r'default "(.*)";', rows) == [headers.SANDBOX]
    assert [row.strip() for row in rows.splitlines()[2:]] == [
        f"{phrase(f'~*{pattern}')} {phrase(policy)};" for pattern, policy in headers.BY_TYPE
    ]


def test_every_engine_file_is_included_by_some_site() -> None:
    """A file that no site includes is one that nobody needs to review, so it must not be there."""
    sites = [*SITES.values(), counts.PLAIN, counts.FULL, replace(counts.PLAIN, buffers="16 32k")]
    used = set().union(
        *(
            counts.included(site, build)
            for site in sites
            for build in BUILDS.values()
            if site is not SITES["directory"] or "dav" in build.modules
        )
    )
    assert set(counts.engine()) - used == set()


def test_an_engine_file_begins_with_its_purpose_and_place() -> None:
    for name, text in counts.engine().items():
        heading = " ".join(re.match(r"(?:(?:#|//).*\n)*", text)[0].split("\n"))  # type: ignore[index]
        assert re.match(r"(#|//) xaccel engine: ", heading), name
        assert re.search(r"\b(?:included?|imported)\b", heading, re.IGNORECASE), name


@pytest.mark.parametrize("name", SITES)
def test_only_four_settings_open_a_port_and_only_on_this_machine(name: str) -> None:
    """docs/operate/review.md"""
    site = SITES[name]
    files = config_folder.texts(site, BUILDS["deb-njs"], Path("/etc/nginx/xaccel"), write_addresses=False)
    opened = re.findall(r"^\s*listen (\S+);", "".join(files.values()), re.MULTILINE)
    four = [site.archives, site.uploads, site.grants, site.redirects]
    assert opened == ["127.0.0.1:9399"] * sum(each is not None for each in four)


def test_redirects_are_counted_alike() -> None:
    assert set(re.findall(r'"~\^(x+)" too_many_redirects', WRITTEN)) == {"x" * (origin.MAX_REDIRECTS + 1)}
    assert re.findall(r"^ +(30\d) x;", WRITTEN, re.MULTILINE) == [str(status) for status in urls.REDIRECTS]
    _, _, rows = TEXTS["maps/3-where.conf"].partition("$xaccel_has_dot_segments {")
    disguised = re.findall(r'"~\*(.+)" 1;', rows.partition("\n}")[0])
    refused = re.findall(r'"~\*\^\[\^\?\]\*(.+)" "";', TEXTS["redirects/maps.conf"])
    assert [one.replace("[/;?]", "[/;]") for one in refused] == disguised
    assert origin.DISGUISED.pattern == "(?i)" + "|".join(disguised)


def test_every_request_without_the_clients_body_replaces_one_of_the_operator() -> None:
    """NGINX would send the operator's proxy_set_body of an outer level without a length: request smuggling."""
    without = {name for name, text in TEXTS.items() if "proxy_pass_request_body off;" in text}
    assert without >= {name for name, text in TEXTS.items() if "proxy_method $xaccel_origin_method;" in text}
    assert [name for name in sorted(without) if 'proxy_set_body "";' not in TEXTS[name]] == []


def test_every_error_of_an_origin_has_a_page() -> None:
    lists = re.findall(r"^error_page ([\d\s]+?)\s*(?:=|\$)", TEXTS["locations/fetch.conf"], re.MULTILINE)
    named = Counter(int(status) for found in lists for status in found.split())
    followed = (*urls.REDIRECTS, 416)
    assert sorted([*named, *followed]) == [status for status in range(300, 600) if status not in (304, 499)]
    assert set(named.values()) == {1}


@pytest.mark.parametrize(
    ("file", "of_grants"),
    [
        ("app.conf", {False}),
        ("locations/hide.conf", {False, True}),
        ("grants/location.conf", {True}),
    ],
)
def test_every_private_header_is_hidden(file: str, of_grants: set[bool]) -> None:
    """From the app, where NGINX is configured to ignore X-Accel-Redirect, and from an origin.

    Those for uploads are in responses to subrequests, which no client gets. Only the location of GRANTS gets the
    headers of a grant, beside app.conf.
    """
    written = "".join(text for name, text in TEXTS.items() if not name.startswith("uploads/"))
    names = {name.replace("_", "-") for name in re.findall(r"\$upstream_http_(xaccel_\w+)", written)}
    read = {name for name in names if name.startswith("xaccel-grant") in of_grants}
    hidden = re.findall(r"proxy_hide_header (xaccel-[\w-]+);", TEXTS[file], re.IGNORECASE)
    assert sorted(name.lower() for name in hidden) == sorted(read)


def test_each_page_has_its_words() -> None:
    assert [page.status for page in pages() if not page.text] == []
    assert {page.status: page.retry_after_s for page in pages() if page.retry_after_s} == {
        429: 1,
        503: 10,
    }


def test_no_file_of_the_engine_is_read_at_import() -> None:
    program = """
import sys
opened = []
sys.addaudithook(lambda event, details: opened.append(str(details[0])) if event == "open" else None)
import xaccel.http_client.origin, xaccel.tools.nginx
print(*(path for path in opened if "/xaccel/nginx/" in path and not path.endswith((".py", ".pyc"))))
"""
    assert subprocess.check_output([sys.executable, "-c", program], text=True).split() == []


def test_each_field_of_the_log_has_a_meaning() -> None:
    assert len(engine.log_fields()) == 27
    assert all(meaning for _, _, meaning in engine.log_fields())


def test_the_manifest_has_the_sum_of_every_file() -> None:
    *_, manifest = engine_files.contents().items()
    lines = dict(reversed(line.split("  ")) for line in manifest[1].splitlines()[1:])  # type: ignore[misc]
    on_disk = {
        str(path.relative_to(FOLDER)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.rglob("*.*")
    }
    assert lines == on_disk


def written(folder: Path) -> dict[Path, str]:
    site = Site(origins={"documents": replace(BUCKET, connect_to=("192.0.2.1:443",))}, secrets=(SECRET,))
    return config_folder.texts(site, BUILDS["deb"], folder)


@pytest.mark.parametrize(
    ("heading", "kept"),
    [
        ("# xaccel 0.0.1, engine 2", False),
        ("# xaccel 999.0, engine 2", True),
        ("# xaccel 0.0.1, engine 3", True),
    ],
)
def test_a_newer_engine_is_not_overwritten(tmp_path: Path, heading: str, *, kept: bool) -> None:
    """Nor what includes it, such as http.conf: that belongs to one release."""
    config_folder.write(written(tmp_path), tmp_path)
    (tmp_path / "engine" / engine_files.MANIFEST).write_text(f"{heading}\n")
    folders = {str(path.relative_to(tmp_path).parts[0]) for path in written(tmp_path)}
    assert folders == {"site"} if kept else folders >= {"site", "engine", "http.conf", "app.conf", "off.conf"}


def test_another_build_of_this_version_does_not_replace_the_engine_of_another_site(tmp_path: Path) -> None:
    site = Site(origins={"documents": BUCKET}, secrets=(SECRET,))
    config_folder.write(written(tmp_path), tmp_path)
    manifest = tmp_path / "engine" / engine_files.MANIFEST
    manifest.write_text(manifest.read_text().replace("  app.conf", "  other.conf"))
    # it is the site's own
    config_folder.require_same_build(site, tmp_path)
    other = replace(site, name="two")
    with pytest.raises(NginxError, match="the engine of site is from another build of this version"):
        config_folder.require_same_build(other, tmp_path)
    manifest.unlink()
    config_folder.require_same_build(other, tmp_path)


def test_only_secrets_are_kept_from_other_users_and_from_version_control(tmp_path: Path) -> None:
    for path in config_folder.write(written(tmp_path), tmp_path):
        secret = path.name.startswith("secret")
        assert (path.stat().st_mode & 0o077 == 0) is secret
        # the token of an app in debug mode is made from the secret, and does not reveal it
        shown = secret and path.name != "secret-debug.conf"
        assert (SECRET.rpartition("-")[2] in path.read_text()) is shown


def test_a_digest_is_of_the_settings_and_not_of_secrets() -> None:
    site = Site(origins={"documents": BUCKET}, secrets=(SECRET,))
    assert digest(site) == digest(replace(site, secrets=(SECRET[::-1],)))
    assert digest(site) != digest(replace(site, transfer_log="other.log"))
    credentials = {"access_key": "a", "secret_key": "b", "session_token": "c"}
    assert digest(site) == digest(replace(site, origins={"documents": replace(BUCKET, **credentials)}))
    other = S3Origin(bucket="other", region="eu-central-1")
    assert digest(site) != digest(replace(site, origins={"documents": other}))

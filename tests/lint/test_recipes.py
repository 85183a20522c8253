"""`xaccel lint FILE`: what leaks or breaks in a configuration that somebody wrote by hand."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from xaccel.site import read_mapping
from xaccel.tools.cli import main
from xaccel.tools.doctor import configuration
from xaccel.tools.lint.reading import parse
from xaccel.tools.nginx import Nginx, standalone

COMMON = """
server {
    location ~* ^/private/(.*) {
        internal;
        resolver 192.0.2.53;
        set $store_host bucket.s3.amazonaws.com;
        set $store_url https://$store_host/$1?$args;
        proxy_set_header Host $store_host;
        proxy_set_header Authorization '';
        proxy_hide_header x-amz-id-2;
        proxy_hide_header x-amz-request-id;
        proxy_max_temp_file_size 0;
        proxy_pass $store_url;
    }
}
"""
"""As in most articles about X-Accel-Redirect and S3."""

CAREFUL = """
upstream store { server store.example:443; keepalive 8; }
log_format storage "$remote_addr $url";
server {
    listen 80;
    add_header X-Frame-Options SAMEORIGIN;
    error_log /dev/null emerg;
    proxy_ssl_verify on; proxy_ssl_server_name on;
    location /files/ { proxy_pass http://app; }
    location /inside/ {
        internal;
        proxy_pass https://store/;
        proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_pass_request_headers off; proxy_pass_request_body off;
        proxy_intercept_errors on; error_page 403 404 500 502 503 504 =404 /missing.html;
        proxy_ignore_headers X-Accel-Redirect Set-Cookie;
        proxy_hide_header x-amz-id-2; proxy_hide_header x-amz-request-id;
        proxy_max_temp_file_size 0; proxy_method GET;
    }
}
"""

HOP = "location @hop { set $to $upstream_http_location; proxy_pass $to;"


def found(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    (folder / "hand.conf").write_text(text)
    with pytest.raises(SystemExit):
        main(["lint", str(folder / "hand.conf"), "--json"])
    results = json.loads(capsys.readouterr().out)["results"]
    first = {one["id"]: one["findings"][0] for one in results if one["findings"]}
    return {name: "{file}:{line}: {directive} {fault}".format(**finding) for name, finding in first.items()}


def test_the_recipe_of_most_articles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = found(tmp_path, COMMON, capsys)
    assert set(seen) == {
        "XA702",
        "XA703",
        "XA704",
        "XA705",
        "XA706",
        "XA710",
        "XA711",
        "XA712",
        "XA713",
        "XA719",
        "XA720",
    }
    assert seen["XA702"] == f"{tmp_path}/hand.conf:3: location ~* ^/private/(.*) sends the client's cookie"


def test_a_careful_configuration_has_no_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(tmp_path, CAREFUL, capsys) == {}


INSIDE = "/inside/ {\n        internal;\n        proxy_pass https://store/;"


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        ("internal;\n        proxy_pass https://store/;", "proxy_pass https://$arg_host/;", "XA701"),
        ("internal;\n        proxy_pass https://store/;", "set $to https://$arg_to; proxy_pass $to;", "XA701"),
        ("proxy_pass_request_headers off;", 'proxy_set_header Cookie "";', "XA702"),
        ("proxy_ssl_verify on;", "", "XA703"),
        ("proxy_ssl_server_name on;", "", "XA704"),
        ("proxy_http_version 1.1;", "", "XA705"),
        ("proxy_intercept_errors on;", "", "XA706"),
        ("error_page 403 404", "error_page 404", "XA706"),
        ("proxy_hide_header x-amz-id-2;", "", "XA707"),
        ("https://store/;", f"https://store/; error_page 302 = @hop; }} {HOP}", "XA708"),
        ("proxy_max_temp_file_size 0;", "", "XA709"),
        ("X-Accel-Redirect Set-Cookie", "Set-Cookie", "XA710"),
        ("error_log /dev/null emerg;", "error_log /var/log/nginx/error.log debug;", "XA711"),
        ("proxy_pass_request_body off;", "", "XA712"),
        ("proxy_method GET;", "", "XA713"),
        (INSIDE, "/inside/(.*?)/ {\n        internal; proxy_pass https://$1/;", "XA714"),
        (INSIDE, "/inside/(.*?)/ {\n        internal; proxy_pass https://$http_x_host/;", "XA701"),
        ("https://store/;", "http://files.example.com/;", "XA715"),
        ("https://store/;", "http://store/;", "XA715"),
        ("https://store/;", "https://$upstream_http_host/; resolver 10.0.0.1 8.8.8.8:53;", "XA716"),
        ("https://store/;", "$upstream_http_url; resolver [2001:4860:4860::8888] valid=10s;", "XA716"),
        ("https://store/;", "$url; set $url $upstream_http_url; add_header X-From $url;", "XA717"),
        ("https://store/;", 'https://store$uri?$args; add_header X-From "a$args";', "XA717"),
        ("https://store/;", "$url; set $url $upstream_http_url; access_log /log storage;", "XA718"),
        ("proxy_pass_request_headers off;", 'proxy_set_header Cookie ""; proxy_set_header Authorization "";', "XA719"),
        ("https://store/;", "https://store/$1; rewrite ^/inside/(.*) /$1 break;", "XA720"),
        ("https://store/;", "https://store$uri?$args; proxy_cache files;", "XA721"),
        ("https://store/;", "https://store/a?$args; proxy_cache a; proxy_cache_key $host$uri$is_args$args;", "XA721"),
        ("https://store/;", "https://store/; add_header X-Mine 1;", "XA722"),
    ],
    ids=lambda value: value if value.startswith("XA") else "",
)  # fmt: skip
def test_each_mistake_is_named(
    old: str, new: str, check: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in CAREFUL
    assert check in found(tmp_path, CAREFUL.replace(old, new), capsys)


SOUND = [
    ("https://store/;", "http://store:9000/;"),
    ("https://store/;", "http://10.1.2.3:9000/;"),
    ("https://store/;", "http://store.internal/;"),
    ("https://store/;", "https://store/; resolver 8.8.8.8;"),
    (
        "https://store/;",
        "https://store/; access_log /log combined; add_header X-Frame-Options $upstream_status;",
    ),
    ("https://store/;", "https://store/; set $tag $upstream_http_etag; add_header X-Frame-Options $tag;"),
    ("https://store/;", "https://store/; rewrite ^/inside/(.*) /$1 break;"),
    ("https://store/;", "https://store/a?$args; proxy_cache files; proxy_cache_key $proxy_host$uri;"),
    ("https://store/;", "https://store/; add_header X-Mine 1; add_header_inherit merge;"),
    ("https://store/;", "https://store/; add_header x-frame-options DENY;"),
    (
        "proxy_pass_request_headers off;",
        'proxy_set_header Cookie ""; proxy_set_header Authorization ""; proxy_set_header X-Forwarded-Host "";',
    ),
]


@pytest.mark.parametrize(("old", "new"), SOUND, ids=[new for _, new in SOUND])
def test_what_is_sound_has_no_finding(
    old: str, new: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in CAREFUL
    assert found(tmp_path, CAREFUL.replace(old, new), capsys) == {}


def test_large_headers_are_a_finding_only_with_cookies_and_large_buffers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = 'proxy_set_header Authorization ""; proxy_set_header X-Forwarded-Host ""; '
    sizes = {
        "": "up to 32 KB",
        "large_client_header_buffers 4 16k;": "up to 64 KB",
        "large_client_header_buffers 2 4k;": "",
    }
    for directive, shown in sizes.items():
        text = CAREFUL.replace("proxy_pass_request_headers off;", given).replace(
            "listen 80;", f"listen 80; {directive}"
        )
        fault = found(tmp_path, text, capsys).get("XA719", "")
        assert (f"passes {shown}" in fault) == bool(shown)
        assert bool(fault) == bool(shown)


def test_a_header_that_is_copied_from_the_client_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = 'proxy_set_header Cookie ""; proxy_set_header Authorization $http_authorization;'
    seen = found(tmp_path, CAREFUL.replace("proxy_pass_request_headers off;", given), capsys)
    assert seen["XA702"].endswith("location /inside/ sends the client's authorization")


def test_the_location_of_auth_request_fetches_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = "location = /auth { internal; proxy_pass http://auth; } location / { auth_request /auth; }"
    assert found(tmp_path, f"server {{ {inside} }}", capsys) == {}


def test_the_locations_of_archives_are_no_recipe() -> None:
    mapping = {
        "SECRET": "s" * 32,
        "ORIGINS": {"media": {"type": "local", "root": "/srv"}},
        "ARCHIVES": {"app": "127.0.0.1:8000", "layouts": "/srv/layouts"},
    }
    build = Nginx(version=(1, 26, 3), package="1.26.3-3+deb13u11")
    text = standalone(read_mapping.read(mapping), build, listen="127.0.0.1:8080", app="127.0.0.1:8000")
    found = parse(f"# configuration file nginx.conf:\n{text}{COMMON}", "")
    [warning] = configuration.no_recipe_is_beside_the_site(SimpleNamespace(main=found))
    assert "location ~* ^/private/(.*)" in warning


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_gets_colours_and_indented_lines(
    no_color: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hand.conf").write_text(COMMON)
    words = ["lint", str(tmp_path / "hand.conf"), "--only", "XA702", "--only", "XA705"]
    with pytest.raises(SystemExit):
        main(words)
    piped = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    with pytest.raises(SystemExit):
        main(words)
    shown = terminal.getvalue()
    plain = re.sub(r"\x1b\[[0-9;]+m", "", shown)
    for coloured in ("\x1b[1;31mFAIL\x1b[0m XA702 ", "\x1b[1;33mWARN\x1b[0m XA705 "):
        assert (coloured in shown) != bool(no_color)
    assert "\x1b" not in piped
    assert plain.split() == piped.split()
    assert "FAIL XA702 The storage gets the client's cookies\n           and credentials\n" in plain
    assert "\n     Consequence: The storage and its log contain\n       the users' sessions." in plain
    report = plain.partition("\nThe settings of xaccel")[0].splitlines()
    assert max(len(line) for line in report if str(tmp_path) not in line) <= 50
    assert " ".join(report[-2:]) == "xaccel lint: 1 failed, 1 with a warning, in 1   location of 1 file"


@pytest.mark.parametrize(
    "app", ["proxy_pass http://app;", "set $host app:8000; set $app http://$host; proxy_pass $app/$uri;"]
)
def test_a_configuration_without_such_a_location_is_skipped(
    app: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found(tmp_path, f"server {{ location / {{ {app} }} }}", capsys) == {}

"""`xaccel lint --settings FILE` prints the settings of xaccel that replace what it found."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from xaccel.site import read_mapping
from xaccel.tools.cli import main
from xaccel.tools.lint.settings import GUIDE


def settings(folder: Path, inside: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the printed settings of a configuration as Python reads them."""
    (folder / "hand.conf").write_text(inside)
    with pytest.raises(SystemExit):
        main(["lint", "--settings", str(folder / "hand.conf")])
    *text, last = capsys.readouterr().out.splitlines()
    assert last == f"The steps: {GUIDE}"
    assert (Path(__file__).parents[2] / GUIDE).is_file()
    literal = "\n".join(text).partition("XACCEL = ")[2]
    return ast.literal_eval(literal)  # type: ignore[no-any-return]


PRIVATE = "location /private/ {{ internal; {} }}"


@pytest.mark.parametrize(
    ("inside", "entry"),
    [
        (
            "set $h acme.s3.amazonaws.com; set $u https://$h/$1?$args; proxy_pass $u;",
            {"type": "s3", "bucket": "acme"},
        ),
        (
            "proxy_pass https://my.bucket.s3.eu-central-1.amazonaws.com/media/;",
            {"type": "s3", "bucket": "my.bucket", "region": "eu-central-1", "prefix": "media/"},
        ),
        (
            "proxy_pass https://s3.eu-west-1.amazonaws.com/acme/media/;",
            {"type": "s3", "bucket": "acme", "region": "eu-west-1", "prefix": "media/"},
        ),
        ("proxy_pass https://files.example/exports/;", {"type": "http", "base_url": "https://files.example/exports/"}),
        (
            "proxy_set_header Host files.example; proxy_pass http://store/;",
            {
                "type": "http",
                "base_url": "http://files.example/",
                "connect_to": ["10.0.0.5:9000", "10.0.0.6:9000"],
            },
        ),
        (
            'proxy_set_header Authorization "Bearer abc"; proxy_ssl_trusted_certificate /ca.pem; proxy_pass https://h.example;',
            {
                "type": "http",
                "base_url": "https://h.example/",
                "request_headers": {"Authorization": "<as in the location>"},
                "ca_file": "/ca.pem",
            },
        ),
        ("proxy_pass https://$arg_host/;", {"type": "http", "base_url": "https://<host>/"}),
    ],
)  # fmt: skip
def test_the_entry_of_a_location(
    inside: str, entry: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream = "upstream store { server 10.0.0.5:9000; server 10.0.0.6:9000; }"
    found = settings(tmp_path, f"{upstream} server {{ {PRIVATE.format(inside)} }}", capsys)
    assert found == {"ORIGINS": {"private": entry}}
    # with what the reader knows, it is a site
    known = (
        {"base_url": entry.get("base_url", "").replace("<host>", "files.example")}
        if "base_url" in entry
        else {}
    )
    read_mapping.read({"SECRET": "s" * 32, "ORIGINS": {"private": {**entry, **known}}})


def test_locations_of_one_name_are_numbered_and_redirects_name_their_hosts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = PRIVATE.format("proxy_pass https://a.example/; error_page 302 = @next;")
    other = PRIVATE.format("proxy_cache files; proxy_pass https://b.example/;")
    hop = "location @next { set $to $upstream_http_location; proxy_pass $to; }"
    found = settings(tmp_path, f"server {{ {one} }} server {{ {other} {hop} }}", capsys)
    assert found["CACHE"] == {"path": "<an empty directory>"}
    assert found["ORIGINS"] == {
        "private": {"type": "http", "base_url": "https://a.example/", "redirect_hosts": ["<host>"]},
        "private-2": {
            "type": "http",
            "base_url": "https://b.example/",
            "cache": True,
            "redirect_hosts": ["<host>"],
        },
    }

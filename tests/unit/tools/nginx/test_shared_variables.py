"""NGINX shares variables between a request and its subrequests: what each configuration does about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GOLDEN = sorted((Path(__file__).parents[3] / "golden").glob("*.conf"))
OF_THE_CLIENT = {"$http_range", "$http_if_range", "$http_host", "$http_cookie", "$request", "$request_uri"}
"""The same in a request and all its subrequests."""


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_only_maps_of_client_headers_are_not_volatile(path: Path) -> None:
    kept = re.findall(r'map ("[^"\n]*(?:\\"[^"\n]*)*"|\S+) \$\w+ \{\n(?!\s*volatile;)', path.read_text())
    assert {source for source in kept if not source.isdigit()} <= OF_THE_CLIENT


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_secret_is_in_one_map_and_no_variable(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"set \$\w+ \$upstream_http_xaccel_auth;", text) == []
    assert [line for line in text.splitlines() if "golden-0123456789" in line and " set " in line] == []

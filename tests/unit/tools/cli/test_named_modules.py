"""`--module` for an NGINX on another machine: each name that is offered changes the text, or allows a setting."""

from __future__ import annotations

import pytest

from tests.unit.tools.cli.conftest import Config
from xaccel.tools.nginx.probe import OPTIONAL

SITE = """
SECRET = "0123456789-abcdefghijklmnopqrstuvwxyz"
ALLOW_WITHOUT_NJS = true
CACHE = { path = "cache" }
[ORIGINS.partner]
type = "http"
base_url = "http://127.0.0.1:1/"
cache = true
[ORIGINS.media]
type = "local"
root = "/srv/media"
"""


@pytest.mark.parametrize("name", [name for name in OPTIONAL if name != "dav"])
def test_a_named_module_changes_the_text(name: str, config: Config) -> None:
    status, text, _ = config(SITE)
    again, other, _ = config(SITE, "--module", name.replace("_", "-"))
    assert (status, again) == (0, 0)
    assert text != other


def test_uploads_into_a_directory_need_the_module_dav(config: Config) -> None:
    text = f'{SITE}[uploads]\napp = "unix:/run/app"\npaths = ["/files/"]\norigins = ["media"]\n'
    status, _, said = config(text, "--module", "auth-request")
    assert status != 0
    assert "the module `dav`" in said
    status, written, _ = config(text, "--module", "auth-request", "--module", "dav")
    assert status == 0
    assert "client_body_temp_path /srv/media/.xaccel-uploads" in written

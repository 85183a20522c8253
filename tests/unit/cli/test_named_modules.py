"""`--module` for an NGINX on another machine: each name that is offered changes the text, or allows a setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from xaccel import cli
from xaccel.nginx.probe import OPTIONAL

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
def test_a_named_module_changes_the_text(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.toml"
    site.write_text(SITE)
    texts = []
    for more in ([], ["--module", name.replace("_", "-")]):
        assert cli.main(["config", str(site), "--nginx-version", "1.26.3", *more]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] != texts[1]


def test_uploads_into_a_directory_need_the_module_dav(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.toml"
    site.write_text(f'{SITE}[uploads]\napp = "unix:/run/app"\npaths = ["/files/"]\norigins = ["media"]\n')
    command = ["config", str(site), "--nginx-version", "1.26.3", "--module", "auth-request"]
    assert cli.main(command) != 0
    assert "the module `dav`" in capsys.readouterr().err
    assert cli.main([*command, "--module", "dav"]) == 0
    assert "client_body_temp_path /srv/media/.xaccel-uploads" in capsys.readouterr().out

"""`xaccel refresh` where NGINX refuses: the old files come back, and the command says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.commands import write_nginx
from xaccel.cli import main
from xaccel_testing import Variant, free_port

SITE = """
secret = "0123456789-abcdefghijklmnopqrstuvwxyz"
transfer_log = "{log}"
[origins.media]
type = "local"
root = "/srv"
"""


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("", ("-s reload` failed", "nginx.pid")),
        ("nonsense;", ("-t` failed", 'unknown directive "nonsense"')),
    ],
)
def test_files_that_nginx_refuses_are_restored(
    variant: Variant, tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str, words: tuple[str, str]
) -> None:
    """No NGINX runs, so that nothing can be reloaded; or the operator has made a mistake of his own meanwhile."""
    folder, site = tmp_path / "xaccel", tmp_path / "site.toml"
    site.write_text(SITE.format(log="first.log"))
    build = ["--nginx", variant.binary, *([] if variant.njs else ["--without", "njs"])]
    common = [str(site), *build, "--without", "headers-more", "--write", str(folder)]
    assert main(["config", *common]) == 0
    served = f"server {{ listen 127.0.0.1:{free_port()}; include xaccel/site/server.conf; }}"
    named = write_nginx(tmp_path, variant.load_modules, f"include xaccel/http.conf; {served}", top=broken)
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    site.write_text(SITE.format(log="second.log"))
    options = [f"--nginx-option={option}" for option in named]
    capsys.readouterr()
    assert main(["refresh", *common, *options]) == 1
    said = capsys.readouterr()
    assert all(word in said.err for word in words)
    assert said.out == ""
    assert {path: path.read_text() for path in folder.rglob("*") if path.is_file()} == before

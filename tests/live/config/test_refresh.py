"""`xaccel refresh` reloads NGINX if files changed. If NGINX refuses them, the old files come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.client import ask
from tests.live.commands import write_nginx
from tests.live.conftest import Places, build_of, config_text
from xaccel.site import Site
from xaccel.tools.cli import main
from xaccel.tools.nginx import Directive, Parts
from xaccel.tools.nginx.config_folder import refresh, texts, write
from xaccel_testing import AppServer, Variant, free_port, nginx_server
from xaccel_testing.servers.processes import wait_until

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


def included(site: Site, variant: Variant, folder: Path, port: int, app: AppServer) -> str:
    """A configuration that includes the written files, as an operator's does."""
    http, server, of_app = (
        (Directive("include", (f"{folder}/xaccel/{name}.conf",)),) for name in ("http", "site/server", "app")
    )
    parts = Parts(engine=http, http=(), server=server, app=of_app)
    return config_text(site, variant, app.address, port, parts=parts)


def test_refresh_reloads_only_what_changed(
    variant: Variant, places: Places, app: AppServer, tmp_path: Path
) -> None:
    site, build, folder = places.site, build_of(variant), tmp_path / "xaccel"
    write(texts(site, build, folder, write_addresses=True), folder)
    port = free_port()
    text = included(site, variant, tmp_path, port, app)
    command = [variant.binary, "-p", f"{tmp_path}/", "-c", "nginx.conf", "-e", "stderr"]
    with nginx_server(tmp_path, text, binary=variant.binary, ready_port=port) as nginx:
        # a cache has two processes of its own, which start after the workers
        processes = 1 + 2 + (2 if site.cache is not None else 0)
        assert wait_until(lambda: len(nginx.pids) == processes, timeout_s=60), nginx.pids
        workers = set(nginx.pids)
        assert refresh(texts(site, build, folder, write_addresses=True), folder, command) == []
        assert set(nginx.pids) == workers

        other = replace(site, transfer_log="other.log")
        changed = refresh(texts(other, build, folder, write_addresses=True), folder, command)
        assert {path.parent.name for path in changed} == {"site"}
        assert wait_until(
            lambda: nginx.pid in nginx.pids and not workers - {nginx.pid} <= set(nginx.pids), timeout_s=60
        )
        assert ask(port, "/page").status == 200

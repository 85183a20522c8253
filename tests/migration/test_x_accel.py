"""From a hand-written location: the guide's steps, on the recipe that most articles show."""

from __future__ import annotations

import ast
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import on_one_build
from tests.live.client import Reply, ask
from tests.migration.conftest import ROOT
from tests.migration.seen import STAFF, Seen, changes, see
from tests.servers.relay import Relay, relay_to
from xaccel.tools.cli import main

if TYPE_CHECKING:
    from xaccel_testing import NginxServer, S3Server, Variant

pytestmark = on_one_build

KEY, CONTENT = "2026/report.pdf", b"%PDF- the report, of some length"
RECIPE = """
        location ~* ^/private/(.*) {{
            internal;
            resolver 192.0.2.53;
            set $store_host {storage};
            set $store_url http://$store_host/$1?$args;
            proxy_set_header Host $store_host;
            proxy_set_header Authorization '';
            proxy_hide_header x-amz-id-2;
            proxy_hide_header x-amz-request-id;
            proxy_max_temp_file_size 0;
            proxy_pass $store_url;
        }}"""
"""As in most articles; its storage is one of this machine."""
CONFIG = """\
daemon off;
pid nginx.pid;
{user}
worker_processes 1;
events {{}}
http {{
    client_body_temp_path tmp/client_body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    scgi_temp_path tmp/scgi;
    uwsgi_temp_path tmp/uwsgi;
    access_log access.log;
    variables_hash_max_size 16384;
    {http}
    server {{
        listen 127.0.0.1:{port};
        {server}
        location / {{
            proxy_pass http://{app};
            proxy_set_header Host $http_host;
            {inside}
        }}
        {recipe}
    }}
}}
"""


@dataclass
class Move:
    """A site that moves. `site` is the file of the new one, `folder` that of NGINX."""

    nginx: NginxServer
    variant: Variant
    relay: Relay
    bucket: str
    site: Path
    app: str
    port: int

    def see(self, way: str, key: str = KEY) -> Seen:
        return see(self.port, f"/{way}/{key}", "GET", STAFF)

    def ask(self, target: str) -> Reply:
        return ask(self.port, target, "GET", STAFF)

    def text(self, *, xaccel: bool, recipe: bool) -> str:
        folder = self.nginx.directory / "xaccel"
        return config_text(
            self.port, self.app, self.relay.server.address if recipe else "", folder if xaccel else None
        )

    def command(self, name: str, *words: str) -> int:
        """Run a command of the new site for this NGINX; return its exit status."""
        options = [
            f"--nginx-option={word}" for word in (f"-p{self.nginx.directory}/", "-cnginx.conf", "-estderr")
        ]
        without = ["--without=njs", "--without=headers-more"]
        try:
            return main([name, str(self.site), "--nginx", self.variant.binary, *options, *without, *words])
        except SystemExit as done:
            return int(str(done.code))


def config_text(port: int, app: str, storage: str, xaccel: Path | None) -> str:
    return CONFIG.format(
        user="user root;" if os.geteuid() == 0 else "",
        port=port,
        app=app,
        recipe=RECIPE.format(storage=storage) if storage else "",
        http=f"include {xaccel}/http.conf;" if xaccel else "",
        server=f"include {xaccel}/site/server.conf;" if xaccel else "",
        inside=f"include {xaccel}/app.conf;" if xaccel else "",
    )


def printed_settings(recipe: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    """Return the origins that `xaccel lint` prints for a hand-written configuration."""
    with pytest.raises(SystemExit):
        main(["lint", "--settings", str(recipe)])
    printed = capsys.readouterr().out
    found: dict[str, dict[str, object]] = ast.literal_eval(
        printed.partition("XACCEL = ")[2].partition("\n\nThe steps:")[0]
    )["ORIGINS"]
    return found


@pytest.fixture
def move(
    variant: Variant, s3: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Move]:
    """The old site, with the settings of the new one as the guide makes them."""
    from xaccel_testing import app_server, free_port, nginx_server
    from xaccel_testing.stack import s3_environment

    bucket, port = f"migration-{secrets.token_hex(4)}", free_port()
    s3.create_bucket(bucket)
    s3.put(bucket, KEY, CONTENT, "binary/octet-stream")
    with ExitStack() as stack:
        relay = stack.enter_context(relay_to(s3.endpoint))
        recipe = tmp_path / "hand.conf"
        recipe.write_text(config_text(port, "127.0.0.1:1", relay.server.address, None))
        [(name, entry)] = printed_settings(recipe, capsys).items()
        assert (name, entry) == ("private", {"type": "http", "base_url": f"{relay.server.url}/"})
        # "Write the settings": the storage has the API of S3
        origin = {
            "type": "s3",
            "bucket": bucket,
            "endpoint_url": str(entry["base_url"]).rstrip("/"),
            "addressing_style": "path",
        }
        site = tmp_path / "site.json"
        site.write_text(json.dumps({"SECRET": secrets.token_urlsafe(30), "ORIGINS": {name: origin}}))
        env = {
            **s3_environment(s3),
            "AWS_ENDPOINT_URL_S3": relay.server.url,
            "BUCKET": bucket,
            "SITE": str(site),
        }
        application = "tests.migration.x_accel_app:application"
        app = stack.enter_context(
            app_server(
                tmp_path / "app", application, env={**env, "PYTHONPATH": str(ROOT)}, cwd=ROOT, workers=1
            )
        )
        text = config_text(port, app.address, relay.server.address, None)
        nginx = stack.enter_context(
            nginx_server(tmp_path / "nginx", text, binary=variant.binary, ready_port=port)
        )
        yield Move(nginx, variant, relay, bucket, site, app.address, port)


def test_each_step_of_the_guide_leaves_a_site_that_works(
    move: Move, capsys: pytest.CaptureFixture[str]
) -> None:
    before = move.see("old")
    assert (before.status, before.body, before.name) == (200, CONTENT, "Annual report.pdf")
    # the storage's type replaces the one of the app
    changed = {"type": ("binary/octet-stream", "application/pdf")}
    assert move.command("config", "--write", str(move.nginx.directory / "xaccel")) == 0
    move.nginx.reload(move.text(xaccel=True, recipe=True), timeout_s=60)
    assert move.see("old") == before
    assert changes(before, move.see("new")) == changed
    move.command("doctor", "--only", "XA216", "--timeout", "60s")
    assert "WARN XA216" in capsys.readouterr().out
    move.nginx.reload(move.text(xaccel=True, recipe=False), timeout_s=60)
    assert changes(before, move.see("new")) == changed
    assert move.see("old").status >= 400
    move.command("doctor", "--only", "XA216", "--timeout", "60s", "--all")
    assert "ok   XA216" in capsys.readouterr().out


def test_what_changes_for_users_is_as_the_guide_says(move: Move) -> None:
    assert move.command("config", "--write", str(move.nginx.directory / "xaccel")) == 0
    move.nginx.reload(move.text(xaccel=True, recipe=True), timeout_s=60)
    for way, cookie in (("old", "user=staff"), ("new", None)):
        move.ask(f"/{way}/{KEY}")
        assert move.relay.server.requests[-1].header("Cookie") == cookie
    old, new = (move.ask(f"/{way}/missing.pdf") for way in ("old", "new"))
    assert (old.status, new.status) == (404, 404)
    assert (b"<Code>NoSuchKey</Code>" in old.body, b"NoSuchKey" in new.body) == (True, False)
    assert move.bucket.encode() in old.everything()
    assert move.bucket.encode() not in new.everything()
    refused = ask(move.port, f"/new/{KEY}", "GET", {})
    assert (refused.status, move.ask(f"/_xaccel/private/{KEY}").status) == (403, 404)

"""Each adapter sends archives, and its middleware responds to NGINX."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import on_one_build
from tests.live.archives.scene import Scene, running_app
from tests.live.conftest import config_text
from xaccel.site import read_mapping
from xaccel_testing import Variant, free_port, nginx_server
from xaccel_testing.servers.app import Kind

pytestmark = on_one_build  # the adapters' part is the same on each build


@pytest.mark.parametrize(
    ("adapter", "kind"),
    [("flask", "wsgi"), ("wsgi", "wsgi"), ("starlette", "asgi"), ("asgi", "asgi"), ("aiohttp", "aiohttp")],
)
def test_an_archive_is_whole_and_its_permission_is_asked_again(
    archives: Scene, tmp_path: Path, variant: Variant, adapter: str, kind: Kind
) -> None:
    """Of the objects and selections that Django's app has."""
    mapping, app_port, port = (
        json.loads((archives.folder / "site.json").read_text()),
        free_port(),
        free_port(),
    )
    for name in ("archives", "denied"):
        (tmp_path / name).symlink_to(archives.folder / name)
    mapping["ARCHIVES"] |= {
        "app": f"127.0.0.1:{app_port}",
        "listen": f"127.0.0.1:{free_port()}",
        "layouts": str(tmp_path / "layouts"),
    }
    (tmp_path / "site.json").write_text(json.dumps(mapping))
    with running_app(tmp_path, app_port, adapter=adapter, kind=kind) as app:
        text = config_text(read_mapping.read(mapping), variant, app.address, port)
        with nginx_server(tmp_path / "nginx", text, binary=variant.binary, ready_port=port) as nginx:
            own = replace(archives, nginx=nginx)
            assert own.get("large").body == own.expected("large")
            denied = next(row.key for row in own.rows["large"] if row.size).replace("/", " ")
            own.deny(denied)
            came = own.get("large")
            own.allow(denied)
            assert came.is_cut or came.status >= 500
